"""The F of an analysis of variance beside a slow and obviously right version."""

import numpy as np
import pytest
from scipy import stats
from selection_cases import numeric
from sklearn import datasets
from sklearn.feature_selection import f_classif, f_regression

from pipeline.data.selection.anova_f import anova_f
from pipeline.data.selection.scores import LARGEST


def test_analysis_of_variance_by_hand_and_by_scipy(real):
    features, labels = real
    found = anova_f(features, numeric(features.shape[1]), labels)
    for index, column in enumerate(features.T.astype(float)):
        groups = [column[labels == label] for label in set(labels)]
        between = sum(len(group) * (group.mean() - column.mean()) ** 2 for group in groups)
        within = sum(((group - group.mean()) ** 2).sum() for group in groups)
        if not within:
            assert (found.values[index], found.p_values[index]) == (0.0, 1.0)
            continue
        score = (between / (len(groups) - 1)) / (within / (len(column) - len(groups)))
        expected = stats.f_oneway(*groups)
        assert found.values[index] == pytest.approx(score, rel=1e-9)
        np.testing.assert_allclose((found.values[index], found.p_values[index]), expected, rtol=1e-6, atol=1e-300)
    used = found.values > 0
    score, _ = f_classif(features[:, used].astype(np.float64), labels)
    np.testing.assert_allclose(found.values[used], score, rtol=1e-6)


def test_f_of_a_regression_by_scipy():
    features, targets = datasets.load_diabetes(return_X_y=True)
    features, targets = features.astype(np.float32), targets.astype(np.float32)
    found = anova_f(features, numeric(10), targets)
    lines = [stats.linregress(column, targets.astype(float)) for column in features.T.astype(float)]
    r = np.array([line.rvalue for line in lines])
    np.testing.assert_allclose(found.values, r**2 / (1 - r**2) * (len(targets) - 2), rtol=1e-9)
    np.testing.assert_allclose(found.p_values, [line.pvalue for line in lines], rtol=1e-6)
    score, _ = f_regression(features.astype(np.float64), targets.astype(np.float64))
    np.testing.assert_allclose(found.values, score, rtol=1e-9)


def test_f_of_a_column_that_is_the_target_is_the_largest_and_finite():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1000).astype(np.int32)
    telling = np.array([0.1, 1e6, -7.3])[labels]
    features = np.stack([telling, telling + rng.normal(size=1000)], axis=1).astype(np.float32)
    found = anova_f(features, numeric(2), labels)
    assert (found.values[0], found.p_values[0]) == (LARGEST, 0.0)
    assert found.values[1] < LARGEST
    targets = (rng.normal(size=1000) * 3 + 0.1).astype(np.float32)
    features = np.stack([rng.normal(size=1000), targets, -targets], axis=1).astype(np.float32)
    found = anova_f(features, numeric(3), targets)
    assert (found.values[1:] > 1e15).all()
    assert np.isfinite(found.values).all()


def test_f_is_not_lost_beside_a_large_mean():
    labels = np.arange(10_000, dtype=np.int32) % 2
    small = (np.arange(10_000) % 7 + labels).astype(np.float32)
    features = np.stack([small, small + 2**23], axis=1)
    found = anova_f(features, numeric(2), labels).values
    assert found[1] == pytest.approx(found[0], rel=1e-9)
