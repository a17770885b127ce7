"""Chi-square beside a slow and obviously right version."""

import numpy as np
from scipy import stats
from selection_cases import chi_square_of_table, mixed, numeric, table_of
from sklearn.feature_selection import chi2

from pipeline.data.selection.chi_square import chi_square


def chi_square_of_counts(counts, labels):
    counts, score = counts.astype(float), 0.0
    for label in set(labels):
        expected = np.mean(labels == label) * counts.sum()
        score += (counts[labels == label].sum() - expected) ** 2 / expected
    return score, stats.chi2.sf(score, len(set(labels)) - 1)


def test_chi_square_of_counts_and_of_tables_by_hand():
    features, columns, labels = mixed()
    found = chi_square(features, columns, labels)
    assert (found.values.dtype, found.values.shape) == (np.float64, (4,))
    expected = [chi_square_of_counts(features[:, index], labels) for index in (0, 1)]
    expected += [chi_square_of_table(table_of(features[:, index], labels)) for index in (2, 3)]
    np.testing.assert_allclose(found.values, [score for score, _ in expected], rtol=1e-10)
    np.testing.assert_allclose(found.p_values, [p for _, p in expected], rtol=1e-8)
    assert found.p_values[2] < 1e-10 < 0.01 < found.p_values[3]


def test_chi_square_of_counts_is_scikit_learns(real):
    features, labels = real
    found = chi_square(features, numeric(features.shape[1]), labels)
    used = features.any(axis=0)
    score, p_values = chi2(features[:, used].astype(np.float64), labels)
    np.testing.assert_allclose(found.values[used], score, rtol=1e-9)
    np.testing.assert_allclose(found.p_values[used], p_values, rtol=1e-7, atol=1e-300)
    assert not found.values[~used].any()
    assert (found.p_values[~used] == 1).all()
