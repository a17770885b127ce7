"""A sample of the examples that teach most."""

from typing import Literal, get_args

import numpy as np

from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sampling.draw import kept_count, quotas, require_classes, take_first

Keep = Literal["hard", "easy"]


def most_valuable(
    scores: np.ndarray, labels: np.ndarray, fraction: float, *, keep: Keep = "hard", by_class: bool = True
) -> np.ndarray:
    """Keeps the hardest or the easiest examples; of equal ones, the first.

    It doesn't pay at small fractions, where hard examples alone teach less than random ones and "easy" is the better
    choice (Sorscher et al., "Beyond neural scaling laws", arXiv:2206.14486); nor with wrong labels, which are among
    the hardest and are kept. Compare with a random sample of the same size.

    Args:
        scores: How hard each example is, shape (n,), as `forgetting_scores`, `loss_scores` and `el2n_scores` have them.
        labels: Of each example.
        fraction: To keep.
        keep: "hard" or "easy".
        by_class: Whether each class keeps that fraction, within one example; else the classes' proportions shift to
            those that are harder.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: On a score that is NaN, a bad fraction, or `by_class` of targets that aren't classes.
    """
    if keep not in get_args(Keep):
        raise ValueError(
            f"keep={keep!r} is unknown; {accepted(get_args(Keep))}{did_you_mean(str(keep), get_args(Keep))}"
        )
    if scores.shape != labels.shape[:1]:
        raise ValueError(f"scores of shape {scores.shape} for {len(labels)} examples; accepted: one for each")
    unknown = np.flatnonzero(np.isnan(scores))
    if len(unknown):
        raise ValueError(f"score of {len(unknown)} examples is NaN, first example {unknown[0]}; accepted: a number")
    kept = kept_count(len(scores), fraction)
    order = np.argsort(-scores if keep == "hard" else scores, kind="stable")
    if not by_class:
        return np.sort(order[:kept]).astype(np.int64)
    require_classes(labels, "by_class=true")
    return take_first(order, labels, quotas(np.bincount(labels), fraction, 0.5))
