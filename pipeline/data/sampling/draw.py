"""What the methods have in common: the seed, the fraction, the class of each example, and drawing within classes."""

import math
from typing import Any

import numpy as np


def generator(seed: int) -> np.random.Generator:
    """Returns a generator of random numbers.

    Raises:
        ValueError: When the seed isn't in 0 to 2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed}; accepted: 0 to {2**32 - 1}")
    return np.random.default_rng(seed)


def kept_count(count: int, fraction: float) -> int:
    """Returns how many of the examples a fraction is, rounded.

    Raises:
        ValueError: When the fraction is not in (0, 1] or keeps no example.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction {fraction}; accepted: more than 0, at most 1")
    kept = round(fraction * count)
    if not kept:
        raise ValueError(
            f"fraction {fraction} keeps none of {count} examples; accepted: {rounded_up(1 / count)} or more"
        )
    return kept


def rounded_up(fraction: float) -> float:
    """Returns a fraction in (0, 1] with three digits, never less than it."""
    unit = 10.0 ** (2 - math.floor(math.log10(fraction)))
    return min(1.0, math.ceil(fraction * unit) / unit)


def require_classes(labels: np.ndarray, method: str) -> None:
    """Refuses targets that aren't one class for each example.

    Raises:
        ValueError: When the labels aren't int32 of shape (n,).
    """
    if labels.ndim != 1 or labels.dtype != np.int32:
        found: Any = "several labels for each example" if labels.ndim > 1 else f"targets of dtype {labels.dtype}"
        raise ValueError(f"{method} needs one class for each example, not {found}; accepted: random sampling")


def quotas(counts: np.ndarray, fraction: float, offset: float) -> np.ndarray:
    """Returns how many of each stratum to keep: its share rounded up or down, and so is their sum.

    Systematic sampling (Madow, 1949): with an offset drawn from [0, 1) each stratum's expected number is its exact
    share.

    Args:
        counts: Of the strata, shape (strata,).
        fraction: To keep.
        offset: In [0, 1); 0.5 rounds to the nearest.
    """
    # Rounded, or 3 * (10 * 0.1) would be a little more than 3.
    ends = np.floor(np.round(np.cumsum(counts) * fraction, 9) + offset).astype(np.int64)
    return np.diff(ends, prepend=0)


def take_first(order: np.ndarray, strata: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the first `counts[s]` examples of each stratum s, sorted.

    Args:
        order: All the examples in the order of choice, shape (n,).
        strata: Of each example, 0 to strata - 1.
        counts: To take, shape (strata,).
    """
    grouped = order[np.argsort(strata[order], kind="stable")]
    sizes = np.bincount(strata, minlength=len(counts))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(grouped[place < np.repeat(counts, sizes)]).astype(np.int64)
