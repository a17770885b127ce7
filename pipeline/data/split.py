"""Cutting examples into training, validation and test parts, each with the classes in their proportions."""

import numpy as np

from pipeline.data.dataset import Dataset, Info, Split
from pipeline.data.examples import Examples


def split(examples: Examples, *, validation: float, test: float, seed: int) -> Dataset:
    """Splits at random, stratified by class; the same seed gives the same parts in the same order.

    Args:
        examples: When they have a test part of their own, that is the test part and `test` is ignored.
        validation: The share of all the examples (of those outside the test part, where it is predefined).
        test: The share of all the examples.
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: When a share leaves a part empty, or a class has too few examples for each part to have one.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed}; accepted: 0 to {2**32 - 1}")
    shares = {"validation": validation} if examples.test is not None else {"test": test, "validation": validation}
    sizes = _sizes(shares, len(examples.labels), len(examples.class_names))
    parts = len(sizes) + 1
    rest = np.arange(len(examples.labels))
    drawn: dict[str, np.ndarray] = {}
    for to_come, (part, size) in zip(range(parts, 1, -1), sizes.items(), strict=True):
        _check_classes(examples, rest, to_come, parts)
        rest, drawn[part] = _draw(rest, examples.labels, size, seed)
    for indices in (rest, *drawn.values()):
        _check_classes(examples, indices, 1, parts)
    train = _take(examples, rest)
    return Dataset(
        info=_info(examples, train.features),
        train=train,
        validation=_take(examples, drawn["validation"]),
        test=examples.test if examples.test is not None else _take(examples, drawn["test"]),
    )


def _sizes(shares: dict[str, float], total: int, classes: int) -> dict[str, int]:
    for part, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{part} share {share}; accepted: more than 0 and less than 1")
    sizes = {part: round(share * total) for part, share in shares.items()}
    if sum(shares.values()) >= 1 or sum(sizes.values()) >= total:
        named = " and ".join(f"{part} share {share}" for part, share in shares.items())
        raise ValueError(f"{named}: none of {total} examples left to train on; accepted: less than 1 in all")
    for part, size in {**sizes, "train": total - sum(sizes.values())}.items():
        if size < classes:
            of = f" share {shares[part]}" if part in shares else ""
            raise ValueError(f"{part}{of}: {size} of {total} examples; accepted: {classes} or more, one of each class")
    return sizes


def _check_classes(examples: Examples, indices: np.ndarray, least: int, parts: int) -> None:
    counts = np.bincount(examples.labels[indices], minlength=len(examples.class_names))
    rarest = int(counts.argmin())
    if counts[rarest] < least:
        total = int((examples.labels == rarest).sum())
        raise ValueError(
            f"class {examples.class_names[rarest]!r} has too few examples, {total}, for each of {parts} parts to have "
            f"one at these shares; accepted: {parts} or more, and still more for small shares"
        )


def _draw(indices: np.ndarray, labels: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices kept and the `size` indices drawn."""
    from sklearn.model_selection import train_test_split

    kept, drawn = train_test_split(indices, test_size=size, stratify=labels[indices], random_state=seed)
    return kept, drawn


def _take(examples: Examples, indices: np.ndarray) -> Split:
    return Split(examples.features[indices], examples.labels[indices])


def _info(examples: Examples, train: np.ndarray) -> Info:
    mean: tuple[float, ...] = ()
    variance: tuple[float, ...] = ()
    if examples.kind == "table":
        # A constant column's computed variance is rounding noise, not 0, and would be divided by.
        constant = train.min(axis=0) == train.max(axis=0)
        mean = tuple(np.where(constant, train[0], train.mean(axis=0, dtype=np.float64)).tolist())
        variance = tuple(np.where(constant, 1.0, train.var(axis=0, dtype=np.float64)).tolist())
    return Info(
        kind=examples.kind,
        feature_shape=train.shape[1:],
        dtype=str(train.dtype),
        class_names=examples.class_names,
        feature_names=examples.feature_names,
        scale=examples.scale,
        mean=mean,
        variance=variance,
    )
