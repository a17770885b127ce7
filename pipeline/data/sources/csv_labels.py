"""Class indices from a label column's text."""

import math
from itertools import pairwise

import numpy as np

from pipeline.data.hints import shown

MOST_CLASSES = 1000


def encode(labels: np.ndarray, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the labels as int32 indices, shape (n,), and the class names: sorted, whole numbers by their value.

    Args:
        labels: Text, shape (n,).
        where: The file and column, for messages.

    Raises:
        ValueError: When the column is a regression target, or has one class only.
    """
    import pandas as pd

    codes, found = pd.factorize(labels)
    names = [str(name) for name in found]
    if len(names) < 2:
        raise ValueError(f"{where}: every label is {shown(names[0])}; accepted: two or more classes")
    numbers = _numbers(names)
    for name, number in zip(names, numbers, strict=False):
        if number % 1:
            raise ValueError(
                f"{where}: label {shown(name)} isn't whole, as a regression target's; "
                "accepted: classes, or task: regression"
            )
    if len(names) > MOST_CLASSES:
        raise ValueError(
            f"{where}: {len(names)} distinct labels, as a regression target has; accepted: up to {MOST_CLASSES} classes"
        )
    order = sorted(range(len(names)), key=lambda index: (numbers[index] if numbers else 0, names[index]))
    for one, other in pairwise(order):
        if numbers and numbers[one] == numbers[other]:
            raise ValueError(
                f"{where}: labels {shown(names[one])} and {shown(names[other])} are one number; accepted: one spelling"
            )
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank[codes], tuple(names[index] for index in order)


def _numbers(names: list[str]) -> list[int | float]:
    """Returns the names' values when each is a finite number, else an empty list."""
    try:
        # A float would take two long whole numbers for one.
        numbers = [int(name) if name.lstrip("+-").isdecimal() else float(name) for name in names]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []
