"""The F statistic of each numeric column and the target."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.selection.scores import LARGEST, Scores, score_blocks
from pipeline.data.selection.targets import each_target, is_regression


def anova_f(features: np.ndarray, columns: Sequence[Column], targets: np.ndarray) -> Scores:
    """Tests that a column's mean is the same in all classes, or that its slope on a target of numbers is 0.

    Classes: one-way analysis of variance (Fisher 1925). Numbers: the F statistic of a regression on the one column,
    r² / (1 - r²) * (n - 2). A constant column scores 0 with a p-value of 1; one whose F is
    infinite, because it tells the classes without a doubt, the largest float64 with a p-value of 0. Of several labels,
    the largest.

    Args:
        features: Shape (n, columns), finite.
        columns: What they are; all numeric.
        targets: As `Split.labels` has them.

    Raises:
        ValueError: On a categorical column, targets that don't vary or are too few, or a wrong number.
    """
    for column in columns:
        if column.kind == "categorical":
            raise ValueError(
                f"column {column.name!r} is categorical, and anova_f takes numbers; "
                "accepted: chi_square or mutual_information, or dropping the column"
            )
    vectors, of_one = each_target(targets), _regression if is_regression(targets) else _classification
    degrees = [2 if is_regression(targets) else int(vector.max()) + 1 for vector in vectors]
    if len(targets) <= max(degrees):
        raise ValueError(f"{len(targets)} examples are too few for anova_f; accepted: {max(degrees) + 1} or more")

    def score(values: np.ndarray, part: Sequence[Column], targets: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        scored = [of_one(values, target) for target in targets]
        return np.stack([scores for scores, _ in scored]), np.stack([p_values for _, p_values in scored])

    return score_blocks(features, columns, vectors, score)


def _classification(values: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Not scikit-learn's f_classif: it subtracts sums of squares, so that a column that determines the class can come
    # out negative, and sums float32 features in float32.
    sizes = np.bincount(classes)
    starts = np.cumsum(sizes) - sizes
    # Centred first, or the sums lose a small difference beside a large mean.
    ordered = (values - values.mean(axis=0))[np.argsort(classes, kind="stable")]
    means = np.add.reduceat(ordered, starts, axis=0) / sizes[:, np.newaxis]
    squares = np.add.reduceat((ordered - np.repeat(means, sizes, axis=0)) ** 2, starts, axis=0)
    # What rounding leaves of a constant class is no variance.
    alike = np.minimum.reduceat(ordered, starts, axis=0) == np.maximum.reduceat(ordered, starts, axis=0)
    within = np.where(alike, 0.0, squares).sum(axis=0)
    between = (sizes[:, np.newaxis] * (means - ordered.mean(axis=0)) ** 2).sum(axis=0)
    between[values.min(axis=0) == values.max(axis=0)] = 0.0
    return _f(between, within, len(sizes) - 1, len(values) - len(sizes))


def _regression(values: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Not scikit-learn's f_regression: where r rounds to more than 1, its F is negative.
    deviations, of_target = values - values.mean(axis=0), target - target.mean()
    norms = np.sqrt((deviations**2).sum(axis=0) * (of_target**2).sum())
    norms[values.min(axis=0) == values.max(axis=0)] = 0.0
    products = (deviations * of_target[:, np.newaxis]).sum(axis=0)
    squared = np.minimum(1.0, np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0) ** 2)
    return _f(squared, 1.0 - squared, 1, len(values) - 2)


def _f(explained: np.ndarray, left: np.ndarray, of_explained: int, of_left: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns F and its p-values from two sums of squares and their degrees of freedom."""
    from scipy.special import fdtrc

    score = np.divide(
        explained * of_left, left * of_explained, out=np.where(explained > 0, LARGEST, 0.0), where=left > 0
    )
    return score, fdtrc(of_explained, of_left, score)
