"""Short vectors that stand for long ones where distances are compared."""

from collections.abc import Callable

import numpy as np

_COMPONENTS = 64
_BASIS_EXAMPLES = 512
_BLOCK_VALUES = 2**22
_FLOAT32_ERROR = 3e-5


class Sketch:
    """A projection of examples on their principal components and, as one more coordinate, what is left of their norm.

    A projection on orthonormal vectors never lengthens a difference, and the norms of two remainders differ by no more
    than the remainders do: a distance in the sketch is at most the true one, and what is apart in it is apart.
    """

    def __init__(self, count: int, width: int, read: Callable[[np.ndarray], np.ndarray]) -> None:
        """Projects the examples.

        Args:
            count: How many they are.
            width: Features of each.
            read: Returns the examples at some indices, float64 of shape (indices, width).
        """
        step = max(1, _BLOCK_VALUES // width)
        sampled = min(count, max(_COMPONENTS, min(_BASIS_EXAMPLES, step)))
        sample = read(np.unique(np.linspace(0, count - 1, sampled).astype(np.int64)))
        center = sample.mean(axis=0)
        # A basis from some of the examples is as exact a filter as one from all, only a little less selective.
        basis = np.linalg.svd(sample - center, full_matrices=False)[2][:_COMPONENTS].T
        vectors = np.empty((count, basis.shape[1] + 1), np.float32)
        for start in range(0, count, step):
            rows = slice(start, min(start + step, count))
            centered = read(np.arange(rows.start, rows.stop)) - center
            projected = centered @ basis
            rest = (centered**2).sum(axis=1) - (projected**2).sum(axis=1)
            vectors[rows] = np.column_stack([projected, np.sqrt(np.maximum(rest, 0))])
        # A little less than they are, so that rounding never overstates a distance.
        squares = (vectors**2).sum(axis=1) * np.float32(1 - _FLOAT32_ERROR)
        ones = np.ones_like(squares)
        self._left = np.column_stack([-2 * vectors, squares, ones])
        self._right = np.column_stack([vectors, ones, squares])

    def distances(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Returns no more than the squared distances of examples at some indices, float32 of shape (left, right)."""
        # |x|^2 - 2 x.y + |y|^2 as one product, because further passes over the result cost more than it does.
        return self._left[left] @ self._right[right].T
