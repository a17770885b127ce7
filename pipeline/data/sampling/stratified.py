"""A sample with the whole's proportions."""

import numpy as np

from pipeline.data.sampling.draw import generator, kept_count, quotas, take_first

_BINS = 10


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Keeps a fraction of each class, within one example; each example is as likely as any other.

    A regression's targets count as ten classes, their deciles by rank. A class with fewer than 1 / fraction examples
    may lose all; `summary` refuses that.

    Args:
        labels: Int32 classes or float32 targets, shape (n,).
        fraction: To keep.
        seed: 0 to 2**32 - 1.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: On several labels for each example, a bad fraction or seed.
    """
    if labels.ndim != 1:
        raise ValueError("stratified sampling needs one label for each example, not several; accepted: random sampling")
    kept_count(len(labels), fraction)
    rng = generator(seed)
    strata = labels if labels.dtype == np.int32 else _deciles(labels)
    counts = quotas(np.bincount(strata), fraction, rng.random())
    return take_first(rng.permutation(len(labels)), strata, counts)


def _deciles(targets: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(targets), np.int64)
    ranks[np.argsort(targets, kind="stable")] = np.arange(len(targets))
    return ranks * _BINS // len(targets)
