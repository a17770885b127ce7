"""What a part's features span, column by column; an image's values are taken as one column."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.dataset import Info
from pipeline.data.encoding.quality import blocks


@dataclass(frozen=True, eq=False)
class Survey:
    """What columns hold; every array has one entry for each.

    Attributes:
        low: The least value, float64.
        high: The greatest.
        fraction: The first example whose value isn't a whole number, or -1.
    """

    low: np.ndarray
    high: np.ndarray
    fraction: np.ndarray

    @property
    def span(self) -> np.ndarray:
        """What errors are relative to: the range, or the magnitude of a constant column (1 if that is 0)."""
        magnitude = np.where(self.high == 0, 1.0, np.abs(self.high))
        return np.where(self.high > self.low, self.high - self.low, magnitude)


def survey(features: np.ndarray, info: Info) -> Survey:
    """Reads all the features once, in blocks.

    Raises:
        ValueError: On a value that isn't a finite number, naming the example and the column.
    """
    width = len(info.columns) if info.kind == "table" else 1
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    fraction = np.full(width, -1, np.int64)
    for block in blocks(features):
        values = as_columns(features[block], info)
        per_example = len(values) // len(features[block])
        _check_finite(values, block.start, per_example, info)
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        if features.dtype.kind not in "iu":
            broken = values != np.rint(values)
            first = block.start + broken.argmax(axis=0) // per_example
            fraction = np.where((fraction < 0) & broken.any(axis=0), first, fraction)
    return Survey(low, high, fraction)


def as_columns(features: np.ndarray, info: Info) -> np.ndarray:
    """Returns a float64 copy of shape (n, columns) of tables, (n * h * w * c, 1) of images."""
    return features.astype(np.float64).reshape(len(features) if info.kind == "table" else -1, len(info.columns) or 1)


def named(info: Info, column: int) -> str:
    """Returns what a message calls a column."""
    return f"column {info.columns[column].name!r}" if info.columns else "the image"


def _check_finite(values: np.ndarray, start: int, per_example: int, info: Info) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = (int(each[0]) for each in np.nonzero(wrong))
        raise ValueError(
            f"example {start + row // per_example}: {named(info, column)} holds {values[row, column]}; "
            "accepted: finite numbers"
        )
