"""Mutual information of each column and the target, also called information gain."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.selection.codes import check_bins, codes, contingency
from pipeline.data.selection.neighbours import NEIGHBOURS, information, parted
from pipeline.data.selection.scores import Scores, score_blocks
from pipeline.data.selection.targets import each_target, is_regression


def mutual_information(
    features: np.ndarray, columns: Sequence[Column], targets: np.ndarray, *, seed: int, bins: int | None = None
) -> Scores:
    """Estimates how many nats knowing a column saves of the target; 0 for a constant column, never less.

    A category and a class: the plug-in estimate from their contingency table, which is too large by about
    (categories - 1) * (classes - 1) / 2n (Miller 1955). A number and a class, or a category and a number: from the
    three nearest neighbours (Ross 2014), without the examples that are alone in their class or category. Two numbers:
    from the three nearest neighbours (Kraskov, Stögbauer and Grassberger 2004). Of several labels, the largest.

    Args:
        features: Shape (n, columns), finite.
        columns: What they are.
        targets: As `Split.labels` has them.
        seed: Of the tiny noise that parts equal numbers, 0 to 2**32 - 1.
        bins: Cuts numeric columns at their quantiles and estimates them as categories: faster, and for classes
            only.

    Raises:
        ValueError: On targets that don't vary or are too few, bins for a target of numbers, or a wrong code or number.
    """
    check_bins(bins)
    numbers = is_regression(targets)
    if numbers and bins is not None:
        raise ValueError(f"bins {bins} for a target of numbers; accepted: none, neighbours are then counted instead")
    vectors = each_target(targets)
    if len(targets) <= NEIGHBOURS or not (numbers or all(np.bincount(each).max() > 1 for each in vectors)):
        raise ValueError(
            f"{len(targets)} examples are too few for mutual_information; "
            f"accepted: more than {NEIGHBOURS}, and two of one class"
        )
    # One stream through all blocks, so that no two columns have the same noise.
    noise = np.random.RandomState(seed)

    def score(values: np.ndarray, part: Sequence[Column], targets: list[np.ndarray]) -> tuple[np.ndarray, None]:
        scores = np.zeros((len(targets), len(part)))
        varying = values.min(axis=0) != values.max(axis=0)
        coded = np.array([column.kind == "categorical" or bins is not None for column in part])
        for index in np.flatnonzero(varying & coded):
            found = codes(values[:, index], part[index], bins)
            scores[:, index] = [_from_codes(found, target, noise, numbers) for target in targets]
        if (rest := varying & ~coded).any():
            scores[:, rest] = [_from_numbers(values[:, rest], target, noise, numbers) for target in targets]
        return scores, None

    return score_blocks(features, columns, vectors, score)


def _from_codes(found: np.ndarray, target: np.ndarray, noise: np.random.RandomState, numbers: bool) -> float:
    if numbers:
        return information(parted(target[:, np.newaxis], noise)[:, 0], found)
    from sklearn.metrics import mutual_info_score

    return max(0.0, float(mutual_info_score(None, None, contingency=contingency(found, target))))


def _from_numbers(values: np.ndarray, target: np.ndarray, noise: np.random.RandomState, numbers: bool) -> np.ndarray:
    if not numbers:
        return np.array([information(column, target) for column in parted(values, noise).T])
    from sklearn.feature_selection import mutual_info_regression

    return mutual_info_regression(values, target, discrete_features=False, n_neighbors=NEIGHBOURS, random_state=noise)
