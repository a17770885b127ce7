"""How far decoded data is from the original."""

import math

import numpy as np

_BLOCK_VALUES = 2**20


def psnr(original: np.ndarray, decoded: np.ndarray, peak: float) -> float:
    """Returns the peak signal-to-noise ratio in decibels, 10 log10(peak² / mean squared error); inf for equal arrays.

    Args:
        original: Any shape.
        decoded: The same shape.
        peak: The largest value a signal can have, such as 255.

    Raises:
        ValueError: When the shapes differ, are empty, or the peak isn't positive.
    """
    rows = _rows(original, decoded)
    squares = sum(float(np.square(_error(original[each], decoded[each])).sum()) for each in rows)
    return decibels(squares / original.size, peak)


def largest_error(original: np.ndarray, decoded: np.ndarray) -> float:
    """Returns the largest absolute difference, in the units of the data.

    Raises:
        ValueError: When the shapes differ or are empty.
    """
    return max(float(_error(original[each], decoded[each]).max()) for each in _rows(original, decoded))


def decibels(mean_square: float, peak: float) -> float:
    """Returns the peak signal-to-noise ratio of a mean squared error.

    Raises:
        ValueError: When the peak isn't positive.
    """
    if not (math.isfinite(peak) and peak > 0):
        raise ValueError(f"peak {peak}; accepted: more than 0")
    return 20 * math.log10(peak) - 10 * math.log10(mean_square) if mean_square else math.inf


def blocks(features: np.ndarray) -> list[slice]:
    """Returns slices of consecutive examples, small enough for a float64 copy of each to be cheap."""
    rows = max(1, _BLOCK_VALUES * len(features) // max(1, features.size))
    return [slice(start, start + rows) for start in range(0, len(features), rows)]


def _rows(original: np.ndarray, decoded: np.ndarray) -> list[slice]:
    if original.shape != decoded.shape or not original.size:
        raise ValueError(f"shapes {original.shape} and {decoded.shape}; accepted: one shape, not empty")
    return blocks(original)


def _error(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    return np.abs(original.astype(np.float64) - decoded.astype(np.float64))
