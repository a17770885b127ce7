"""How often training forgets each example."""

import numpy as np


def forgetting_counts(correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts how often each example turns from right to wrong between one evaluation and the next.

    Examples that are never forgotten can often be left out at little cost. Toneva et al., "An Empirical Study of
    Example Forgetting during Deep Neural Network Learning", arXiv:1812.05159, who evaluate an example
    whenever it is in the batch; here all are evaluated together, after each epoch.

    Args:
        correct: Whether each example was classified rightly, bool of shape (epochs, n).

    Returns:
        The counts, int64 of shape (n,), and which examples were never right, bool of shape (n,).

    Raises:
        ValueError: When there aren't two epochs or more of bool.
    """
    if correct.ndim != 2 or len(correct) < 2 or correct.dtype != bool:
        raise ValueError(
            f"forgetting: correct is {correct.dtype} of shape {correct.shape}; accepted: bool of shape (epochs, n), "
            "2 epochs or more"
        )
    return (correct[:-1] & ~correct[1:]).sum(axis=0, dtype=np.int64), ~correct.any(axis=0)


def forgetting_scores(correct: np.ndarray) -> np.ndarray:
    """Returns the counts as scores, float64 of shape (n,): infinite for an example never learned, as in the paper.

    Raises:
        ValueError: As `forgetting_counts`.
    """
    counts, never_learned = forgetting_counts(correct)
    return np.where(never_learned, np.inf, counts)
