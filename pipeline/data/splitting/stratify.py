"""Sharing out examples at random, or each class in proportion."""

from collections.abc import Sequence

import numpy as np


def at_random(count: int, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the index in `shares` of each of `count` examples.

    Raises:
        ValueError: When they are too few for each part to have one.
    """
    least = least_count(shares)
    if count < least:
        raise ValueError(f"{count} examples are too few for {len(shares)} parts at these shares; accepted: {least}")
    return _deal(np.zeros(count, np.int8), apportion(np.array([count]), shares), rng)


def by_class(labels: np.ndarray, names: Sequence[str], shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the index in `shares` of each example, the classes in proportion.

    Args:
        labels: Class indices, shape (n,).
        names: Of the classes.
        shares: Of the parts; they make 1.
        rng: Decides which examples of a class go where.

    Raises:
        ValueError: When a class has too few examples for each part to have one.
    """
    counts, least = np.bincount(labels, minlength=len(names)), least_count(shares)
    rarest = int(counts.argmin())
    if counts[rarest] < least:
        raise ValueError(
            f"class {names[rarest]!r} has too few examples to share out, {counts[rarest]}, for each of {len(shares)} "
            f"parts to have one at these shares; accepted: {least} or more, or by=random"
        )
    return _deal(labels, apportion(counts, shares), rng)


def least_count(shares: np.ndarray) -> int:
    """Returns how many examples a class must have for each part to have one, and all be within one of their share."""
    count = len(shares)
    while _floor(count, shares).sum() > count:
        count += 1
    return count


def apportion(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns how many examples of each class go to each part, shape (classes, parts).

    Each is its exact share rounded up or down, and at least 1. What rounding owes a part is carried to the next class,
    so that the parts' sizes are near their shares too.

    Args:
        counts: The classes' examples, each at least `least_count(shares)`.
        shares: Of the parts; they make 1.
    """
    table = np.empty((len(counts), len(shares)), np.int64)
    owed = np.zeros(len(shares))
    for row, count in zip(table, counts, strict=True):
        row[:] = _floor(count, shares)
        room = np.ceil(_exact(count, shares)) > row
        owed += _exact(count, shares) - row
        first = np.argsort(np.where(room, -owed, np.inf), kind="stable")[: count - row.sum()]
        row[first] += 1
        owed[first] -= 1
    return table


def _exact(count: int, shares: np.ndarray) -> np.ndarray:
    # Rounded, or 10 * 0.3 would be a little more than 3 and be allowed 4.
    return np.round(count * shares, 9)


def _floor(count: int, shares: np.ndarray) -> np.ndarray:
    return np.maximum(np.floor(_exact(count, shares)), 1).astype(np.int64)


def _deal(labels: np.ndarray, table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a part for each example, table[c, p] examples of class c to part p."""
    # The narrowest indices and one class after the other: at 20 million rows each array of int64 is 160 MB.
    shuffled = np.arange(len(labels), dtype=np.int32 if len(labels) < 2**31 else np.int64)
    rng.shuffle(shuffled)
    labels_of = labels[shuffled]
    parts = np.empty(len(labels), np.int8)
    for label, row in enumerate(table):
        parts[shuffled[labels_of == label]] = np.repeat(np.arange(len(row), dtype=np.int8), row)
    return parts
