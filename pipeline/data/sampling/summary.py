"""What a sample kept of each class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.data.sampling.draw import rounded_up


class Kept(NamedTuple):
    """One class, or one label of several, or a regression's target.

    Attributes:
        name: Its name.
        before: Examples it had.
        kept: Examples it has in the sample.
        dropped: The others.
    """

    name: str
    before: int
    kept: int
    dropped: int


def summary(labels: np.ndarray, kept: np.ndarray, names: Sequence[str]) -> list[Kept]:
    """Counts what a sample kept and dropped of each class.

    Args:
        labels: Of all the examples, as a Split has them.
        kept: Indices of those in the sample.
        names: Of the classes or labels; for a regression, of the target.

    Raises:
        ValueError: When a class or label that had examples has none left.
    """
    before, after = _counts(labels, len(names)), _counts(labels[kept], len(names))
    lost = np.flatnonzero((before > 0) & (after == 0))
    if len(lost):
        # The smallest one needs the largest fraction.
        rarest = lost[before[lost].argmin()]
        more = f" (and {len(lost) - 1} more classes)" if len(lost) > 1 else ""
        raise ValueError(
            f"class {names[rarest]!r}{more}: none of its {before[rarest]} examples is in the sample; accepted: a "
            f"fraction of {rounded_up(1 / before[rarest])} or more with stratified sampling, which keeps one of each"
        )
    return [Kept(name, int(had), int(has), int(had - has)) for name, had, has in zip(names, before, after, strict=True)]


def _counts(labels: np.ndarray, names: int) -> np.ndarray:
    if labels.dtype == np.int32:
        return np.bincount(labels, minlength=names)
    if labels.ndim == 2:
        return labels.sum(axis=0, dtype=np.int64)
    return np.array([len(labels)])
