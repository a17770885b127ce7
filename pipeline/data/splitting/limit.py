"""Fewer examples in each part, for a first try."""

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, Targets
from pipeline.data.sampling.draw import generator


def limit(targets: Targets, parts: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Returns the parts with so many examples of each left; the others belong to none (FREE).

    Examples are drawn at random; of a classification, as many of each class as there are, so that the training part has
    all classes if it can. Of the other parts no example is kept whose class or label training no longer has.

    Args:
        targets: Of the examples.
        parts: The index in PARTS of each, int8 of shape (n,).
        most: Examples of a part, 1 or more.
        seed: 0 to 2**32 - 1.
    """
    rng = generator(seed)
    left = np.full_like(parts, FREE)
    known: np.ndarray | None = None
    for index in range(len(PARTS)):
        here = rng.permutation(np.flatnonzero(parts == index))
        if known is not None:
            here = here[_only(targets, here, known)]
        if targets.task == "classification":
            here = here[np.argsort(_turns(targets.values[here]), kind="stable")]
        kept = here[:most]
        left[kept] = index
        if known is None and targets.task != "regression":
            known = _present(targets, kept)
    return left


def _turns(classes: np.ndarray) -> np.ndarray:
    """Returns how many examples of its class come before each."""
    order = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    turns = np.empty(len(classes), np.int64)
    turns[order] = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return turns


def _present(targets: Targets, rows: np.ndarray) -> np.ndarray:
    if targets.task == "multi_label":
        return targets.values[rows].any(axis=0)
    return np.bincount(targets.values[rows], minlength=len(targets.names)) > 0


def _only(targets: Targets, rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns which rows have no class or label but known ones."""
    if targets.task == "multi_label":
        return ~(targets.values[rows].astype(bool) & ~known).any(axis=1)
    return known[targets.values[rows]]
