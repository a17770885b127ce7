"""Dropping columns that repeat another one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.selection.scores import column_blocks

_CHUNK_CELLS = 2**22


class Repeats(NamedTuple):
    """Which kept column a dropped one repeats.

    Attributes:
        kept: The kept column's index.
        r: Pearson's correlation of the two, -1 to 1.
    """

    kept: int
    r: float


def correlated(
    features: np.ndarray, columns: Sequence[Column], scores: np.ndarray | None, limit: float
) -> tuple[np.ndarray, dict[int, Repeats]]:
    """Goes through the columns, best first, and drops each that correlates with one kept before it.

    Only numeric columns are compared; a categorical one, whose codes aren't numbers, and a constant one are kept.
    Columns of one score go in their order. The correlations take 8 * columns² bytes.

    Args:
        features: Shape (n, columns), finite.
        columns: What they are.
        scores: Of each column, larger is better; None takes them in their order.
        limit: The largest |r| that isn't a repetition, 0 or more and less than 1.

    Returns:
        The indices kept, int64, sorted; and for each dropped index, the one kept before it that correlates
        most, the better of equals.

    Raises:
        ValueError: On a limit out of range, or a wrong number.
    """
    if not 0 <= limit < 1:
        raise ValueError(f"correlation limit {limit}; accepted: 0 or more and less than 1")
    r = _correlations(features, columns)
    order = range(len(columns)) if scores is None else np.argsort(-scores, kind="stable").tolist()
    kept: list[int] = []
    dropped: dict[int, Repeats] = {}
    for index in order:
        strength = np.abs(r[index, kept])
        if len(kept) and strength.max() > limit:
            nearest = kept[int(strength.argmax())]
            dropped[index] = Repeats(nearest, float(r[index, nearest]))
        else:
            kept.append(index)
    return np.array(sorted(kept), np.int64), dict(sorted(dropped.items()))


def _correlations(features: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Returns Pearson's r of each pair, shape (columns, columns); 0 where either column has none."""
    means, norms = np.zeros(len(columns)), np.zeros(len(columns))
    for start, stop, values in column_blocks(features, columns):
        means[start:stop] = values.mean(axis=0)
        varies = values.min(axis=0) != values.max(axis=0)
        norms[start:stop] = np.where(varies, np.sqrt(((values - means[start:stop]) ** 2).sum(axis=0)), 0.0)
    norms[[column.kind == "categorical" for column in columns]] = 0.0
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    total = np.zeros((len(columns), len(columns)))
    rows = max(1, _CHUNK_CELLS // len(columns))
    for start in range(0, len(features), rows):
        chunk = (features[start : start + rows].astype(np.float64) - means) * inverse
        total += chunk.T @ chunk
    # The last digits of a matrix product depend on the number of threads.
    return np.round(total, 12)
