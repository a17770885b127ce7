"""A sample with as many examples of each class."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.sampling.draw import generator, require_classes, take_first


def balanced(labels: np.ndarray, names: Sequence[str], per_class: int | None, seed: int) -> np.ndarray:
    """Keeps the same number of examples of each class, chosen at random.

    A model trained on it sees other class frequencies than it will meet: its probabilities need recalibrating where the
    classes are unequal, and overall accuracy often falls while that of rare classes rises.

    Args:
        labels: Int32 classes, shape (n,).
        names: Of the classes.
        per_class: How many; None for as many as the smallest class has.
        seed: 0 to 2**32 - 1.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: When the labels aren't classes, a class has fewer examples or none, or the seed is bad.
    """
    require_classes(labels, "balanced sampling")
    counts = np.bincount(labels, minlength=len(names))
    rarest = int(counts.argmin())
    if not counts[rarest]:
        raise ValueError(f"balanced sampling: class {names[rarest]!r} has no example; accepted: one or more of each")
    wanted = int(counts[rarest]) if per_class is None else per_class
    if not 1 <= wanted <= counts[rarest]:
        raise ValueError(
            f"per_class {wanted}; accepted: 1 to {counts[rarest]}, the size of the smallest class, {names[rarest]!r}"
        )
    return take_first(generator(seed).permutation(len(labels)), labels, np.full(len(counts), wanted))
