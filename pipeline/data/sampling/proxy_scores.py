"""How much a proxy model still has to learn from each example."""

import numpy as np

from pipeline.data.sampling.draw import require_classes

_TOLERANCE = 1e-2


def loss_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns each example's cross entropy in nats, float64 of shape (n,).

    Args:
        probabilities: Of the classes by the proxy, shape (n, classes).
        labels: Int32 classes, shape (n,).

    Raises:
        ValueError: When the labels aren't classes or the probabilities none.
    """
    right = _checked(probabilities, labels)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(right, np.finfo(np.float32).tiny))


def el2n_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns each example's EL2N, the Euclidean norm of probabilities - one-hot label, float64 of shape (n,).

    It is meant of a model early in training, and steadier as the mean of several seeds. Paul et al., "Deep Learning on
    a Data Diet", arXiv:2107.07075.

    Args:
        probabilities: Of the classes by the proxy, shape (n, classes).
        labels: Int32 classes, shape (n,).

    Raises:
        ValueError: When the labels aren't classes or the probabilities none.
    """
    errors = _checked(probabilities, labels).copy()
    errors[np.arange(len(labels)), labels] -= 1
    return np.sqrt((errors**2).sum(axis=1))


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    require_classes(labels, "a proxy's score")
    if probabilities.ndim != 2 or len(probabilities) != len(labels) or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(labels)} examples of classes 0 to {labels.max()}; "
            "accepted: a row for each example, a column for each class"
        )
    exact = probabilities.astype(np.float64)
    wrong = np.flatnonzero(~((exact >= 0).all(axis=1) & (np.abs(exact.sum(axis=1) - 1) <= _TOLERANCE)))
    if len(wrong):
        raise ValueError(
            f"probabilities of {len(wrong)} examples, first example {wrong[0]}, aren't 0 or more with sum 1; "
            "accepted: the output of a softmax"
        )
    return exact
