"""The targets that columns are scored against: one vector for each question."""

import numpy as np


def each_target(targets: np.ndarray) -> list[np.ndarray]:
    """Returns one vector (n,) of classes or numbers, or of several labels one for each.

    Classes become int64, 0 to k - 1, without those that no example has; numbers become float64. A label that all or
    none of the examples have is left out, because no column can tell anything about it.

    Args:
        targets: As `Split.labels` has them.

    Raises:
        ValueError: When all the examples have the same target.
    """
    vectors = list(targets.T) if targets.ndim == 2 else [targets]
    varying = [vector for vector in vectors if vector.min() != vector.max()]
    if not varying:
        raise ValueError(f"all {len(targets)} examples have the same target; accepted: two different ones or more")
    if is_regression(targets):
        return [vector.astype(np.float64) for vector in varying]
    return [np.unique(vector, return_inverse=True)[1].astype(np.int64) for vector in varying]


def is_regression(targets: np.ndarray) -> bool:
    """Returns whether targets are numbers rather than classes or labels."""
    return targets.dtype.kind == "f"
