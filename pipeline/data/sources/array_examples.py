"""Images or a table from named NumPy arrays, as a .npz file or a function has them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.data.dataset import PARTS, Task
from pipeline.data.examples import Images, InMemory, Placement, Table, TableColumn, Targets
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.parts import placement
from pipeline.data.sources.target_arrays import targets_from

_WHOLE = (("features", "labels"), ("x", "y"))
_PARTS = tuple((f"x_{part}", f"y_{part}") for part in PARTS)
_NAMES = ("feature_names", "class_names")
_KNOWN = (*(name for pair in (*_WHOLE, *_PARTS) for name in pair), *_NAMES)

_BLOCK = 2**22
_LARGEST = float(np.finfo(np.float32).max)


def examples_from(
    arrays: Mapping[str, np.ndarray], *, where: str, task: Task | None = None, scale: float | None = None
) -> Images | Table:
    """Returns arrays named as in a .npz as images or a table.

    Args:
        arrays: See `load_arrays`.
        where: What they are from, for messages.
        task: See `load_arrays`.
        scale: The same.

    Raises:
        ValueError: When names, shapes, types or values aren't as `load_arrays` and `targets_from` say.
    """
    for name in arrays:
        if name not in _KNOWN:
            raise ValueError(f"{where}: array {name!r} is unknown; {accepted(_KNOWN)}{did_you_mean(name, _KNOWN)}")
    features, labels, placed = _joined(arrays, where)
    names = {name: _texts(arrays[name], name, where) for name in _NAMES if name in arrays}
    targets = targets_from(labels, where=f"{where}: labels", task=task, names=names.get("class_names", ()))
    _check_unseen(targets, placed, where)
    if features.ndim in (3, 4):
        if "feature_names" in names:
            raise ValueError(f"{where}: feature_names for images; accepted: for tables, of shape (n, columns)")
        pixels, divisor = _images(features if features.ndim == 4 else features[..., np.newaxis], scale, where)
        return Images(pixels, targets, divisor, placed)
    if scale is not None:
        raise ValueError(f"{where}: scale {scale} for a table, whose columns have their own; accepted: for images")
    return Table(numeric_columns(features, names.get("feature_names", ()), where), targets, placed)


def _joined(arrays: Mapping[str, np.ndarray], where: str) -> tuple[np.ndarray, np.ndarray, Placement]:
    """Returns the features and labels of all parts, one after the other."""
    pairs = [pair for pair in (*_WHOLE, *_PARTS) if set(pair) & set(arrays)]
    for one, other in [both for pair in pairs for both in (pair, pair[::-1])]:
        if one not in arrays:
            raise ValueError(f"{where}: {other} without {one}; accepted: both")
    whole = len(pairs) == 1 and pairs[0] in _WHOLE
    if not whole and (_PARTS[0] not in pairs or not set(pairs) <= set(_PARTS)):
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"{where}: holds {found}; accepted: features and labels, x and y, or x_train, y_train, ...")
    read = [(_array(arrays[x], x, where), _array(arrays[y], y, where)) for x, y in pairs]
    for (x, y), names in zip(read, pairs, strict=True):
        _check_alike(x, read[0][0], f"{where}: {names[0]}")
        _check_alike(y, read[0][1], f"{where}: {names[1]}")
        if len(x) != len(y):
            raise ValueError(f"{where}: {names[1]} has {len(y)} labels; accepted: {len(x)}, as {names[0]} has examples")
    if len(read) == 1:
        return *read[0], Placement()
    features, labels = (np.concatenate(arrays) for arrays in zip(*read, strict=True))
    return features, labels, placement({pair[0][2:]: len(x) for pair, (x, _) in zip(pairs, read, strict=True)})


def _check_alike(array: np.ndarray, first: np.ndarray, where: str) -> None:
    if (array.shape[1:], array.dtype) != (first.shape[1:], first.dtype):
        raise ValueError(
            f"{where}: examples of dtype {array.dtype} and shape {array.shape[1:]}; "
            f"accepted: {first.dtype} and {first.shape[1:]}, as of the training part"
        )


def _array(array: np.ndarray, name: str, where: str) -> np.ndarray:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{where}: {name} is a {type(array).__name__}; accepted: a NumPy array")
    if array.dtype.hasobject:
        raise ValueError(f"{where}: {name} holds Python objects; accepted: an array of numbers, truth values or texts")
    if array.ndim == 0 or 0 in array.shape:
        raise ValueError(f"{where}: {name} is of shape {array.shape}; accepted: one example or more")
    return array


def _texts(array: np.ndarray, name: str, where: str) -> tuple[str, ...]:
    array = _array(array, name, where)
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(f"{where}: {name} of dtype {array.dtype} and shape {array.shape}; accepted: a row of texts")
    return tuple(array.tolist())


def _check_unseen(targets: Targets, placed: Placement, where: str) -> None:
    if targets.task != "classification" or placed.part is None:
        return
    others = placed.part > 0
    unseen = np.setdiff1d(targets.values[others], targets.values[~others])
    if len(unseen):
        raise ValueError(
            f"{where}: class {targets.names[unseen[0]]!r} is in another part, but not in y_train ({len(unseen)} such "
            "classes in all); accepted: classes that training has examples of"
        )


def _images(features: np.ndarray, scale: float | None, where: str) -> tuple[np.ndarray, float]:
    if features.shape[3] not in (1, 3):
        raise ValueError(
            f"{where}: images of shape {features.shape[1:]}; accepted: (height, width, channels) with 1 or 3 channels"
        )
    if scale is not None and not 0 < scale < float("inf"):
        raise ValueError(f"{where}: scale {scale}; accepted: a number above 0, that images are to be divided by")
    if features.dtype == np.uint8:
        return features, 255.0 if scale is None else float(scale)
    if features.dtype.kind != "f":
        raise ValueError(f"{where}: images of dtype {features.dtype}; accepted: uint8, or floats with a scale")
    if scale is None:
        raise ValueError(
            f"{where}: images of dtype {features.dtype} without a scale; "
            "accepted: the scale stated that they are to be divided by, 1 where they are from 0 to 1"
        )
    converted = np.empty(features.shape, np.float32)
    for start, block in _blocks(features):
        _check(
            np.abs(block.astype(np.float64)) <= _LARGEST,
            block,
            start,
            f"{where}: image",
            "finite numbers, as pixels are",
        )
        converted[start : start + len(block)] = block
    return converted, float(scale)


def numeric_columns(features: np.ndarray, names: Sequence[str], where: str) -> tuple[TableColumn, ...]:
    """Returns the columns of a table of numbers, shape (n, columns), named x0, x1, ... when no names are given.

    Raises:
        ValueError: When they aren't numbers, one is infinite or too large for float32, or the names don't fit.
    """
    if features.ndim != 2 or features.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: features of dtype {features.dtype} and shape {features.shape}; "
            "accepted: images (n, h, w) or (n, h, w, c), or a table of numbers (n, columns)"
        )
    names = names or tuple(f"x{index}" for index in range(features.shape[1]))
    if len(names) != features.shape[1] or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise ValueError(f"{where}: {len(names)} feature_names for {features.shape[1]} columns; accepted: one each")
    columns = np.empty(features.shape[::-1], np.float32)
    for start, block in _blocks(features):
        good = (np.abs(block.astype(np.float64)) <= _LARGEST) | (block != block)
        _check(good, block, start, f"{where}: row", f"numbers up to {_LARGEST:.4g}, or NaN where one is missing")
        columns[:, start : start + len(block)] = block.T
    return tuple(TableColumn(name, "numeric", InMemory(values)) for name, values in zip(names, columns, strict=True))


def _blocks(features: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields some rows with the index of the first, so that nothing is done to a copy of everything."""
    rows = max(1, _BLOCK // features[0].size)
    for start in range(0, len(features), rows):
        yield start, features[start : start + rows]


def _check(good: np.ndarray, block: np.ndarray, start: int, where: str, wanted: str) -> None:
    if not good.all():
        first = np.argwhere(~good)[0]
        rest = ", ".join(str(index) for index in first[1:])
        raise ValueError(f"{where} {start + first[0]}: {block[tuple(first)]} at [{rest}]; accepted: {wanted}")
