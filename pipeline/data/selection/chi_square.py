"""Pearson's chi-square statistic of each column and the classes."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.selection.codes import check_bins, codes, contingency
from pipeline.data.selection.scores import Scores, score_blocks
from pipeline.data.selection.targets import each_target, is_regression


def chi_square(
    features: np.ndarray, columns: Sequence[Column], targets: np.ndarray, *, bins: int | None = None
) -> Scores:
    """Tests that a column and the class are independent; 0, with a p-value of 1, for a constant or all-zero column.

    A numeric column holds counts: its sum over each class beside the sum that the class's share of the examples would
    give, with classes - 1 degrees of freedom (scikit-learn's `chi2`); ten times the numbers give ten times the score.
    A categorical column, or one cut into bins, goes by its contingency table (Pearson 1900), without continuity
    correction, with (categories - 1) * (classes - 1) degrees of freedom. Scores of unlike degrees aren't on one scale:
    the p-values are. Of several labels, the largest score.

    Args:
        features: Shape (n, columns), finite.
        columns: What they are.
        targets: As `Split.labels` has them, but not numbers.
        bins: Cuts numeric columns at their quantiles; without it, they are counts.

    Raises:
        ValueError: On a negative count, a target of numbers or one that doesn't vary, or a wrong code or number.
    """
    check_bins(bins)
    if is_regression(targets):
        raise ValueError(
            "chi_square takes classes, and the target is a number; accepted: mutual_information, anova_f, variance"
        )

    def score(values: np.ndarray, part: Sequence[Column], targets: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        scores, p_values = np.zeros((len(targets), len(part))), np.ones((len(targets), len(part)))
        coded = np.array([column.kind == "categorical" or bins is not None for column in part])
        for index in np.flatnonzero(coded):
            found = codes(values[:, index], part[index], bins)
            for row, target in enumerate(targets):
                scores[row, index], p_values[row, index] = _of_table(contingency(found, target))
        if not coded.all():
            counts = values[:, ~coded]
            _check_counts(counts, [column for column, is_coded in zip(part, coded, strict=True) if not is_coded])
            for row, target in enumerate(targets):
                scores[row, ~coded], p_values[row, ~coded] = _of_counts(counts, target)
        return scores, p_values

    return score_blocks(features, columns, each_target(targets), score)


def _of_table(table: np.ndarray) -> tuple[float, float]:
    from scipy.stats import chi2_contingency

    found = chi2_contingency(table, correction=False)
    return float(found.statistic), float(found.pvalue)


def _of_counts(counts: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Not scikit-learn's chi2, which sums float32 features in float32 and scores an all-zero column NaN.
    from scipy.special import chdtrc

    sizes = np.bincount(classes)
    order = np.argsort(classes, kind="stable")
    observed = np.add.reduceat(counts[order], np.cumsum(sizes) - sizes, axis=0)
    expected = (sizes / len(classes))[:, np.newaxis] * observed.sum(axis=0)
    parts = np.divide((observed - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    # The shares of equal counts, multiplied out, leave a rounding error behind.
    constant = counts.min(axis=0) == counts.max(axis=0)
    score = np.where(constant, 0.0, parts.sum(axis=0))
    return score, chdtrc(len(sizes) - 1, score)


def _check_counts(counts: np.ndarray, columns: Sequence[Column]) -> None:
    least = counts.min(axis=0)
    if (least < 0).any():
        index = int((least < 0).argmax())
        raise ValueError(
            f"column {columns[index].name!r} has negative numbers, down to {least[index]:g}, and chi_square takes "
            "counts; accepted: bins of 2 or more to bin them, or another method"
        )
