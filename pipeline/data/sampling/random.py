"""A random sample."""

import numpy as np

from pipeline.data.sampling.draw import generator, kept_count


def random(count: int, fraction: float, seed: int) -> np.ndarray:
    """Returns round(fraction * count) of the indices 0 to count - 1, each as likely as any other.

    It suits every kind of target, but a rare class may be lost: `stratified` keeps the proportions.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: On a bad fraction or seed.
    """
    kept = kept_count(count, fraction)
    return np.sort(generator(seed).choice(count, kept, replace=False, shuffle=False)).astype(np.int64)
