"""Bins of numbers, and scores of them."""

import numpy as np
import pytest
from selection_cases import chi_square_of_table, information_of_table, numeric, table_of

from pipeline.data.selection.chi_square import chi_square
from pipeline.data.selection.codes import quantile_bins
from pipeline.data.selection.mutual_information import mutual_information


@pytest.mark.parametrize("bins", [2, 5, 16])
def test_binned_scores_are_those_of_the_bins(bins, real):
    features, labels = real[0][:, :12], real[1]
    cut = np.stack([quantile_bins(column, bins) for column in features.T], axis=1)
    chi, gain = (
        chi_square(features, numeric(12), labels, bins=bins),
        mutual_information(features, numeric(12), labels, bins=bins, seed=0),
    )
    for index in range(12):
        table = table_of(cut[:, index], labels)
        by_hand = chi_square_of_table(table) if len(table) > 1 else (0.0, 1.0)
        np.testing.assert_allclose((chi.values[index], chi.p_values[index]), by_hand, rtol=1e-7, atol=1e-300)
        assert gain.values[index] == pytest.approx(information_of_table(table), rel=1e-9, abs=1e-12)
    assert gain.p_values is None


def test_bins_are_equally_full_and_never_part_equal_values():
    rng = np.random.default_rng(0)
    assert np.bincount(quantile_bins(rng.permutation(1000), 8)).tolist() == [125] * 8
    tied = rng.integers(0, 30, 1000)
    found = quantile_bins(tied, 8)
    assert (np.diff(found[np.argsort(tied, kind="stable")]) >= 0).all()
    assert all(len(set(found[tied == value])) == 1 for value in range(30))
    shares = np.bincount(found) / 1000
    assert abs(shares - 1 / 8).max() <= np.bincount(tied).max() / 1000


@pytest.mark.parametrize("bins", [2, 3, 10])
@pytest.mark.parametrize("ones", [1, 200, 800, 999])
def test_a_column_of_two_values_keeps_both_bins(bins, ones):
    values = np.arange(1000) < ones
    found = quantile_bins(values, bins)
    assert len(set(found[values])) == len(set(found[~values])) == 1
    assert found[0] > found[-1]
