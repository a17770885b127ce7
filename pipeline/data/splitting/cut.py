"""Sharing out examples in blocks that stay together: groups, or all that have one time."""

import numpy as np

_ORDERS = 32


def by_group(groups: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the index in `shares` of each example, no group in two parts.

    The groups are put in several random orders, each cut where the shares fall, and the one nearest the shares is kept:
    large and small groups are as likely in one part as in another, which filling the parts largest first isn't.

    Args:
        groups: Of each example, shape (n,).
        shares: Of the parts; they make 1.
        rng: Decides the orders.

    Raises:
        ValueError: When there are fewer groups than parts.
    """
    _, block, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < len(shares):
        raise ValueError(f"{len(sizes)} groups are too few for {len(shares)} parts; accepted: a group or more for each")
    best, least = np.empty(0, np.int64), np.inf
    for _ in range(_ORDERS):
        order = rng.permutation(len(sizes))
        parts = np.empty(len(sizes), np.int64)
        parts[order] = _cut(sizes[order], shares)
        off = np.abs(np.bincount(parts, weights=sizes) - shares * len(groups)).max()
        if off < least:
            best, least = parts, off
        if least < 1:
            break
    return best[block]


def by_time(time: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns the index in `shares` of each example, the earliest in the first part; one time is never in two.

    Args:
        time: Of each example, shape (n,), without NaN.
        shares: Of the parts; they make 1.

    Raises:
        ValueError: When there are fewer times than parts.
    """
    _, block, sizes = np.unique(time, return_inverse=True, return_counts=True)
    if len(sizes) < len(shares):
        raise ValueError(
            f"by=time: {len(sizes)} different times for {len(shares)} parts; accepted: one or more for each"
        )
    return _cut(sizes, shares)[block]


def _cut(sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns the part of each block: each border is between the blocks where it is nearest its share."""
    ends, parts = np.cumsum(sizes), len(shares)
    borders = [0]
    for part, wanted in enumerate(np.cumsum(shares)[:-1] * ends[-1], start=1):
        nearest = int(np.abs(ends - wanted).argmin()) + 1
        borders.append(min(max(nearest, borders[-1] + 1), len(sizes) - (parts - part)))
    return np.repeat(np.arange(parts), np.diff([*borders, len(sizes)]))
