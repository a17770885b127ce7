"""How many of the scored columns are kept."""

import math

import numpy as np


def check_rule(columns: int, top: int | None, percentile: float | None, threshold: float | None) -> None:
    """Raises ValueError unless exactly one rule is given, and it can keep some of so many columns."""
    given = {"top": top, "percentile": percentile, "threshold": threshold}
    named = [f"{name} {value}" for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ValueError(f"{' and '.join(named) or 'no rule'}; accepted: exactly one of top, percentile, threshold")
    if top is not None and not 1 <= top <= columns:
        raise ValueError(f"top {top} of {columns} columns; accepted: 1 to {columns}")
    if percentile is not None and not (0 < percentile <= 100 and _share(columns, percentile)):
        raise ValueError(f"percentile {percentile} of {columns} columns; accepted: {100 / columns:.4g} to 100")
    if threshold is not None and not math.isfinite(threshold):
        raise ValueError(f"threshold {threshold}; accepted: a finite number")


def choose(
    scores: np.ndarray, *, top: int | None = None, percentile: float | None = None, threshold: float | None = None
) -> np.ndarray:
    """Returns the indices of the columns to keep, int64, sorted; equal scores rank in column order.

    Args:
        scores: Shape (columns,), finite, larger is better.
        top: Keeps so many.
        percentile: Keeps so many of a hundred, rounded down.
        threshold: Keeps those that score more.

    Raises:
        ValueError: Unless exactly one rule is given, and when it would keep none or more than there are.
    """
    check_rule(len(scores), top, percentile, threshold)
    if threshold is not None:
        kept = np.flatnonzero(scores > threshold)
        if not len(kept):
            raise ValueError(f"threshold {threshold} keeps no column; accepted: less than the best, {scores.max():g}")
        return kept.astype(np.int64)
    if percentile is not None:
        top = _share(len(scores), percentile)
    return np.sort(np.argsort(-scores, kind="stable")[:top]).astype(np.int64)


def _share(columns: int, percentile: float) -> int:
    # 100/3 percent of 3 columns must be 1, though the product is a little less.
    return math.floor(columns * percentile / 100 + 1e-9)
