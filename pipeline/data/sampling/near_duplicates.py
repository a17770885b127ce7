"""Examples that another example nearly repeats."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.sampling.draw import require_classes
from pipeline.data.sampling.sketch import Sketch

_ROWS = 512
_COLUMNS = 8192
_BLOCK_VALUES = 2**18


def near_duplicates(
    features: np.ndarray,
    labels: np.ndarray,
    tolerance: float,
    *,
    scale: float | np.ndarray = 1.0,
    categorical: Sequence[int] = (),
    same_class: bool = True,
) -> np.ndarray:
    """Keeps, in order, each example that is not near one kept before it.

    The distance of two examples is the root mean square of (x - y) / scale over their numeric features: 0.02 for images
    scaled to 0..1 means that pixels differ by 2 % of the full range on average.

    It doesn't pay where near examples are what a model must tell apart; and a chain of examples, each near the next, is
    thinned rather than cut to one.

    Args:
        features: Shape (n, ...), numeric; may be a memory-mapped file.
        labels: Of each example.
        tolerance: The largest distance of near examples, 0 or more.
        scale: Of the features: the images' scale, or each column's standard deviation, shape (columns,).
        categorical: Columns of a table whose values must agree in near examples.
        same_class: Whether near examples must have the same label; else the first one's stands.

    Returns:
        The kept ones' sorted int64 indices.

    Raises:
        ValueError: When the tolerance is negative or not finite, no feature is numeric, or `same_class` is asked of
            targets that aren't classes.
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance {tolerance}; accepted: a finite distance of 0 or more")
    if same_class:
        require_classes(labels, "same_class=true")
    flat = features.reshape(len(features), -1)
    numeric = np.setdiff1d(np.arange(flat.shape[1]), np.asarray(categorical, np.int64))
    if not len(numeric):
        raise ValueError("near duplicates: no feature is numeric; accepted: exact duplicates")
    scales = np.broadcast_to(np.asarray(scale, np.float64).reshape(-1), flat.shape[1])[numeric]
    finder = _Finder(flat, None if len(numeric) == flat.shape[1] else numeric, scales, tolerance)
    comparable = [flat[:, column] for column in categorical] + ([labels] if same_class else [])
    kept = [finder.keep(group) for group in _groups(comparable, len(flat))]
    return np.sort(np.concatenate(kept))


def _groups(keys: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Returns the indices of the examples that agree in all keys, group by group."""
    group = np.zeros(count, np.int64)
    for key in keys:
        _, code = np.unique(key, return_inverse=True)
        _, group = np.unique(group * (code.max() + 1) + code, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.cumsum(np.bincount(group))[:-1])


class _Finder:
    """Finds near examples: candidates by a sketch that never overstates a distance, then the distance itself."""

    def __init__(self, features: np.ndarray, numeric: np.ndarray | None, scales: np.ndarray, tolerance: float) -> None:
        self.features, self.numeric, self.scales = features, numeric, scales
        self.limit = tolerance**2 * len(scales)
        self.step = max(1, _BLOCK_VALUES // len(scales))
        self.sketch = Sketch(len(features), len(scales), self.scaled)

    def scaled(self, indices: np.ndarray) -> np.ndarray:
        """Returns some examples' numeric features over their scales, float64."""
        return self._read(indices) / self.scales

    def _read(self, indices: np.ndarray) -> np.ndarray:
        found = self.features[indices]
        return (found if self.numeric is None else found[:, self.numeric]).astype(np.float64)

    def keep(self, group: np.ndarray) -> np.ndarray:
        """Returns those of a group's examples that aren't near one kept before; in blocks, to bound the memory."""
        kept, count = np.empty_like(group), 0
        for start in range(0, len(group), _ROWS):
            rows = group[start : start + _ROWS]
            for column in range(0, count, _COLUMNS):
                rows = rows[~self._near_any(rows, kept[column : min(column + _COLUMNS, count)])]
            rows = rows[self._first_of_each(rows)]
            kept[count : count + len(rows)] = rows
            count += len(rows)
        return kept[:count]

    def _near_any(self, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Returns which rows are near one of the kept."""
        distances = self.sketch.distances(rows, kept)
        candidates = distances <= self.limit
        near = np.zeros(len(rows), bool)
        some = np.flatnonzero(candidates.any(axis=1))
        # The nearest candidate settles most rows; only what it leaves open is compared with all.
        nearest = distances[some].argmin(axis=1)
        near[some] = self._within(rows[some], kept[nearest])
        candidates[near] = False
        row, column = np.nonzero(candidates)
        near[row[self._within(rows[row], kept[column])]] = True
        return near

    def _first_of_each(self, rows: np.ndarray) -> np.ndarray:
        """Returns which rows aren't near a kept one before them in the block."""
        close = np.tril(self.sketch.distances(rows, rows) <= self.limit, -1)
        row, column = np.nonzero(close)
        close[row, column] = self._within(rows[row], rows[column])
        kept = np.ones(len(rows), bool)
        for index in np.flatnonzero(close.any(axis=1)):
            kept[index] = not (close[index] & kept).any()
        return kept

    def _within(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Returns which pairs are near, by their exact distance."""
        near = np.zeros(len(left), bool)
        for start in range(0, len(left), self.step):
            pairs = slice(start, start + self.step)
            apart = self._read(left[pairs])
            apart -= self._read(right[pairs])
            apart /= self.scales
            near[pairs] = np.einsum("ij,ij->i", apart, apart) <= self.limit
        return near
