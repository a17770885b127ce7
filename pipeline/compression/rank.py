"""How many terms of a kernel's singular value decomposition to keep, and what that costs and saves."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Account:
    """What a low-rank rewrite did to one layer.

    Attributes:
        name: The layer.
        rank: Terms kept, or considered; 0 if its kernel was not looked at.
        error: Of the kernel at that rank, in the Frobenius norm, relative to the kernel.
        before: Multiply-adds for one example; sizes that the model leaves open count as 1.
        after: The same of what replaces the layer; equal to `before` where it was left. Weights of kernels shrink in
            the same ratio.
        skipped: Why it was left; empty where it was rewritten.
    """

    name: str
    rank: int
    error: float
    before: int
    after: int
    skipped: str = ""


def check_rank(rank: int | None, max_error: float | None, min_gain: float) -> None:
    """Refuses what can't choose a rank.

    Raises:
        ValueError: If neither a rank nor the largest error is given, or one is out of range.
    """
    if rank is None and max_error is None:
        raise ValueError("neither a rank nor max_error is set; accepted: one of them, or both")
    if rank is not None and rank < 1:
        raise ValueError(f"rank={rank}; accepted: 1 or more")
    if max_error is not None and not 0 <= max_error <= 1:
        raise ValueError(f"max_error={max_error}; accepted: 0 to 1")
    if not min_gain >= 0:
        raise ValueError(f"min_gain={min_gain}; accepted: 0 or more")


def relative_errors(singular_values: np.ndarray) -> np.ndarray:
    """Returns the relative error in the Frobenius norm that is left at each rank (Eckart and Young, 1936).

    Args:
        singular_values: Of shape (terms,), or (matrices, terms) for a kernel that is decomposed in slices.

    Returns:
        An array of shape (terms + 1,), from rank 0 up to the full rank, whose error is exactly 0.
    """
    squares = np.square(np.atleast_2d(singular_values)).sum(axis=0)
    tails = np.append(np.cumsum(squares[::-1])[::-1], 0.0)
    return np.sqrt(tails / tails[0]) if tails[0] > 0 else np.zeros_like(tails)


def decide(
    name: str,
    errors: np.ndarray,
    *,
    before: int,
    each: int,
    rank: int | None,
    max_error: float | None,
    min_gain: float,
) -> Account:
    """Chooses a layer's rank, and says whether it is worth it.

    Args:
        name: The layer.
        errors: As `relative_errors` returns them.
        before: Multiply-adds of the layer.
        each: Multiply-adds of what replaces it, for each rank.
        rank: How many terms to keep, at most all; None for the fewest within `max_error`.
        max_error: The largest relative error; None for any.
        min_gain: The ratio of multiply-adds before to after must be above it.
    """
    full = len(errors) - 1
    if rank is None:
        rank = max(1, int(np.argmax(errors <= max_error)))
    rank = min(rank, full)
    error, gain = float(errors[rank]), before / (rank * each)
    skipped = ""
    if max_error is not None and error > max_error:
        skipped = f"its relative error {error:.3f} at rank {rank} is above max_error={max_error:g}"
    elif gain <= min_gain:
        skipped = f"its gain {gain:.2f} at rank {rank} is not above min_gain={min_gain:g}"
    return Account(name, rank, error, before, before if skipped else rank * each, skipped)


def positions(layer: Any, axes: slice) -> int:
    """Returns how many places of a layer's output its kernel is applied to; sizes left open count as 1.

    Args:
        layer: A layer that is used once.
        axes: Those of its output that are places.
    """
    return math.prod(size or 1 for size in layer.output_shape[axes])


def finite_kernel(layer: Any) -> np.ndarray:
    """Returns a layer's kernel in double precision.

    Raises:
        ValueError: If it is not finite.
    """
    kernel = layer.kernel.numpy().astype(np.float64)
    if not np.isfinite(kernel).all():
        raise ValueError(f"{layer.name}: its kernel is not finite; accepted: a model whose training did not diverge")
    return kernel
