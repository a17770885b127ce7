"""What the scores have in common, and what they refuse."""

import re

import numpy as np
import pytest
from scipy import stats
from selection_cases import categorical, mixed, numeric

from pipeline.data.selection import scores as blocks
from pipeline.data.selection.anova_f import anova_f
from pipeline.data.selection.chi_square import chi_square
from pipeline.data.selection.mutual_information import mutual_information
from pipeline.data.selection.variance import variance

ON_CLASSES = {
    "mutual_information": lambda *given: mutual_information(*given, seed=0),
    "binned_information": lambda *given: mutual_information(*given, seed=0, bins=4),
    "chi_square": chi_square,
    "binned_chi_square": lambda *given: chi_square(*given, bins=4),
    "anova_f": anova_f,
}
every_method = pytest.mark.parametrize("method", ON_CLASSES.values(), ids=ON_CLASSES)


@every_method
def test_constant_columns_score_nothing(method):
    labels = np.repeat(np.arange(3), [33, 31, 36]).astype(np.int32)
    features = np.tile(np.array([[0, 0.1, 5]], np.float32), (100, 1))
    found = method(features, numeric(3), labels)
    assert found.values.tolist() == [0, 0, 0]
    assert found.p_values is None or found.p_values.tolist() == [1, 1, 1]


@every_method
def test_telling_columns_score_more(method):
    features, columns, labels = mixed(600)
    found = method(features[:, :2], columns[:2], labels).values
    assert found[0] > 2 * found[1]


@every_method
def test_of_several_labels_the_largest_score_counts(method):
    _, _, classes = mixed(400)
    rng = np.random.default_rng(4)
    features = rng.exponential(1 + np.outer(classes, [1, 0, 0.5, 2])).astype(np.float32)
    nobody = np.zeros(400)
    labels = np.stack([classes == 0, nobody, classes == 2, rng.random(400) < 0.5], axis=1).astype(np.uint8)
    found = method(features, numeric(4), labels)
    alone = [method(features, numeric(4), labels[:, index].astype(np.int32)) for index in (0, 2, 3)]
    np.testing.assert_allclose(found.values, np.max([each.values for each in alone], axis=0), rtol=1e-9)
    if found.p_values is not None:
        smallest = np.min([each.p_values for each in alone], axis=0)
        np.testing.assert_allclose(found.p_values, np.minimum(1, 3 * smallest), rtol=1e-12)


@every_method
def test_blocks_of_columns_and_a_class_that_is_absent_change_nothing(method, monkeypatch):
    rng = np.random.default_rng(0)
    labels = (rng.integers(0, 3, 200) * 2).astype(np.int32)
    features = (rng.exponential(size=(200, 7)) + labels[:, np.newaxis] / 4).astype(np.float32)
    whole = method(features, numeric(7), labels).values
    np.testing.assert_allclose(method(features, numeric(7), labels // 2).values, whole, rtol=1e-12)
    monkeypatch.setattr(blocks, "_BLOCK_CELLS", 400)
    np.testing.assert_allclose(method(features, numeric(7), labels).values, whole, rtol=1e-12)
    monkeypatch.setattr(blocks, "_BLOCK_CELLS", 1)
    np.testing.assert_allclose(method(features.astype(np.float64), numeric(7), labels).values, whole, rtol=1e-12)


def test_chi_square_of_noise_is_spread_as_its_distribution_says():
    # 400 columns of noise; Kolmogorov-Smirnov against the uniform distribution, significance 0.001, fixed seed.
    rng = np.random.default_rng(11)
    labels = rng.integers(0, 3, 1500).astype(np.int32)
    codes = rng.integers(0, 4, (1500, 400)).astype(np.float32)
    assert stats.kstest(chi_square(codes, categorical(400), labels).p_values, "uniform").pvalue > 0.001
    assert stats.kstest(anova_f(codes, numeric(400), labels).p_values, "uniform").pvalue > 0.001


CLASSES = np.array([0, 1] * 4, np.int32)
NUMBERS = np.arange(8, dtype=np.float32)
ONES = np.ones((8, 1), np.float32)
NEGATIVE = np.array([[1, -2]] * 7 + [[1, -3.5]], np.float32)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: chi_square(NEGATIVE, numeric(2), CLASSES),
            "column 'n1' has negative numbers, down to -3.5, and chi_square takes counts; accepted: bins of 2",
        ),
        (
            lambda: chi_square(ONES, numeric(1), NUMBERS),
            "chi_square takes classes, and the target is a number; accepted",
        ),
        (lambda: chi_square(ONES, numeric(1), CLASSES, bins=1), "bins 1; accepted: 2 or more, or none"),
        (
            lambda: anova_f(ONES, categorical(1), CLASSES),
            "column 'c0' is categorical, and anova_f takes numbers; accepted",
        ),
        (lambda: anova_f(ONES[:2], numeric(1), CLASSES[:2]), "2 examples are too few for anova_f; accepted: 3 or more"),
        (lambda: anova_f(ONES[:2], numeric(1), NUMBERS[:2]), "2 examples are too few for anova_f; accepted: 3 or more"),
        (
            lambda: anova_f(ONES, numeric(1), CLASSES * 0),
            "all 8 examples have the same target; accepted: two different",
        ),
        (
            lambda: chi_square(ONES, numeric(1), np.ones((8, 3), np.uint8)),
            "all 8 examples have the same target; accepted",
        ),
        (
            lambda: mutual_information(ONES, numeric(1), NUMBERS, seed=0, bins=4),
            "bins 4 for a target of numbers; accepted: none",
        ),
        (
            lambda: mutual_information(ONES[:3], numeric(1), NUMBERS[:3], seed=0),
            "3 examples are too few for mutual_inf",
        ),
        (
            lambda: mutual_information(ONES, numeric(1), np.arange(8, dtype=np.int32), seed=0),
            "8 examples are too few for mutual_information; accepted: more than 3, and two of one class",
        ),
        (lambda: mutual_information(ONES, numeric(1), CLASSES, seed=0, bins=0), "bins 0; accepted: 2 or more, or none"),
        (lambda: variance(ONES * 1.5, categorical(1)), "column 'c0' is categorical and holds 1.5; accepted: its codes"),
        (lambda: variance(ONES * 10, categorical(1)), "holds 10; accepted: its codes, whole numbers from 0 to 9"),
        (
            lambda: chi_square(-ONES, categorical(1), CLASSES),
            "holds -1; accepted: its codes, whole numbers from 0 to 9",
        ),
        (lambda: variance(ONES, numeric(2)), "features of shape (8, 1) with 2 columns; accepted: one for each"),
        (
            lambda: variance(np.where(np.arange(8)[:, np.newaxis] == 5, np.nan, 1), numeric(1)),
            "column 'n0', example 5: nan; accepted: finite numbers",
        ),
        (
            lambda: variance(np.where(np.arange(16).reshape(8, 2) == 7, np.inf, 1), numeric(2)),
            "column 'n1', example 3: inf",
        ),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call()
    assert "\n" not in str(caught.value)
