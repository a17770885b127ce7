"""What a method of scoring returns, and the walk over blocks of columns that keeps its memory small."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.dataset import Column

_BLOCK_CELLS = 2**23

LARGEST = float(np.finfo(np.float64).max)
"""Stands for an infinite score, which neither JSON nor a chart can hold."""


@dataclass(frozen=True, eq=False)
class Scores:
    """How much each column tells, by one method.

    Attributes:
        values: Float64, shape (columns,), finite; larger is better.
        p_values: The same shape: how likely a column that tells nothing scores as much; None where the method has none.
    """

    values: np.ndarray
    p_values: np.ndarray | None = None


ScoreBlock = Callable[[np.ndarray, Sequence[Column], list[np.ndarray]], tuple[np.ndarray, np.ndarray | None]]
"""From float64 values (n, b), their b columns and t targets to scores and p-values, each of shape (t, b)."""


def score_blocks(
    features: np.ndarray, columns: Sequence[Column], targets: list[np.ndarray], score: ScoreBlock
) -> Scores:
    """Scores every column against each target, and keeps its largest score.

    The p-value of the largest of t scores is t times the smallest p-value, at most 1 (Bonferroni).
    """
    scored = [score(values, columns[start:stop], targets) for start, stop, values in column_blocks(features, columns)]
    values = np.concatenate([each for each, _ in scored], axis=1).max(axis=0)
    found = [p_values for _, p_values in scored if p_values is not None]
    if not found:
        return Scores(values)
    return Scores(values, np.minimum(1.0, np.concatenate(found, axis=1).min(axis=0) * len(targets)))


def column_blocks(features: np.ndarray, columns: Sequence[Column]) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields start, stop and the float64 values (n, stop - start) of some columns after others.

    Args:
        features: Shape (n, columns); may be a memory-mapped file.
        columns: What they are.

    Raises:
        ValueError: When the columns aren't those of the features, or a value is NaN or infinite.
    """
    if features.ndim != 2 or features.shape[1] != len(columns):
        raise ValueError(f"features of shape {features.shape} with {len(columns)} columns; accepted: one for each")
    width = max(1, _BLOCK_CELLS // max(1, len(features)))
    for start in range(0, len(columns), width):
        stop = min(start + width, len(columns))
        values = np.array(features[:, start:stop], np.float64)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            name = columns[start + column].name
            raise ValueError(f"column {name!r}, example {row}: {values[row, column]}; accepted: finite numbers")
        yield start, stop, values
