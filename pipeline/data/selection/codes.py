"""Columns as small whole numbers: the codes of categories, and the bins of numbers."""

import numpy as np

from pipeline.data.dataset import Column


def check_bins(bins: int | None) -> None:
    """Raises ValueError on fewer than two bins."""
    if bins is not None and bins < 2:
        raise ValueError(f"bins {bins}; accepted: 2 or more, or none")


def codes(values: np.ndarray, column: Column, bins: int | None) -> np.ndarray:
    """Returns a column's int64 codes: its categories, or the bins of its numbers.

    Args:
        values: Float64, shape (n,).
        column: What they are.
        bins: Into how many numbers are cut; unused for a categorical column.

    Raises:
        ValueError: When a categorical column holds something other than its codes.
    """
    if column.kind == "categorical":
        return _categories(values, column)
    if bins is None:
        raise ValueError(f"column {column.name!r} is numeric and no bins are given; accepted: 2 bins or more")
    return quantile_bins(values, bins)


def quantile_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Returns int64 bins, 0 to bins - 1, each of about as many values; equal values are never parted.

    A value's bin is that of its mid-rank, the share of values below it plus half the share of its equals, so that no
    column of two values or more falls into a single bin, however often one of them occurs.

    Args:
        values: Shape (n,).
        bins: 2 or more.
    """
    from scipy.stats import rankdata

    return ((rankdata(values) - 0.5) * bins // len(values)).astype(np.int64)


def contingency(codes: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Counts pairs: int64, shape (codes that occur, classes).

    Args:
        codes: Int64, shape (n,), 0 or more.
        classes: The same.
    """
    width = int(classes.max()) + 1
    table = np.bincount(codes * width + classes, minlength=(int(codes.max()) + 1) * width).reshape(-1, width)
    return table[table.any(axis=1)]


def _categories(values: np.ndarray, column: Column) -> np.ndarray:
    found, most = values.astype(np.int64), len(column.vocabulary)
    wrong = (found != values) | (found < 0) | (found > most)
    if wrong.any():
        raise ValueError(
            f"column {column.name!r} is categorical and holds {values[wrong.argmax()]:g}; "
            f"accepted: its codes, whole numbers from 0 to {most}"
        )
    return found
