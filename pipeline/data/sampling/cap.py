"""A sample without the excess of large classes."""

import numpy as np

from pipeline.data.sampling.draw import generator, require_classes, take_first


def cap(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Keeps at most `most` examples of each class, chosen at random; smaller classes are kept whole.

    Args:
        labels: Int32 classes, shape (n,).
        most: Of a class, 1 or more.
        seed: 0 to 2**32 - 1.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: When the labels aren't classes, or the cap or seed is bad.
    """
    require_classes(labels, "a cap on each class")
    if most < 1:
        raise ValueError(f"most {most}; accepted: 1 or more examples of a class")
    return take_first(generator(seed).permutation(len(labels)), labels, np.minimum(np.bincount(labels), most))
