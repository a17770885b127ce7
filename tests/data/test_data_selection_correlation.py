import numpy as np
import pytest
from scipy import stats
from sklearn import datasets

from pipeline.data.dataset import Column
from pipeline.data.selection import correlation
from pipeline.data.selection.correlation import correlated


def numeric(count):
    return tuple(Column(f"n{index}", "numeric") for index in range(count))


def slowly(features, scores, limit):
    """Pair by pair with scipy; `scores` without ties."""
    kept, dropped = [], {}
    for index in sorted(range(features.shape[1]), key=lambda index: -scores[index]):
        r = {other: stats.pearsonr(features[:, index], features[:, other]).statistic for other in kept}
        near = [other for other in kept if abs(r[other]) > limit]
        if near:
            best = max(near, key=lambda other: abs(r[other]))
            dropped[index] = (best, r[best])
        else:
            kept.append(index)
    return sorted(kept), dropped


@pytest.mark.parametrize("limit", [0.2, 0.8, 0.95, 0.999])
def test_pairs_of_real_columns_by_scipy(limit):
    features = datasets.load_breast_cancer(return_X_y=True)[0].astype(np.float32)
    scores = np.random.default_rng(0).permutation(30).astype(float)
    kept, dropped = correlated(features, numeric(30), scores, limit)
    expected_kept, expected_dropped = slowly(features.astype(float), scores, limit)
    assert (kept.tolist(), kept.dtype) == (expected_kept, np.int64)
    assert {index: each.kept for index, each in dropped.items()} == {
        k: best for k, (best, _) in expected_dropped.items()
    }
    np.testing.assert_allclose([dropped[k].r for k in expected_dropped], [r for _, r in expected_dropped.values()])
    assert sorted([*kept.tolist(), *dropped]) == list(range(30))
    assert list(dropped) == sorted(dropped)


def test_the_better_one_of_a_pair_stays():
    rng = np.random.default_rng(0)
    column, other = rng.normal(size=(2, 100))
    features = np.stack([column, other, -column, 2 * column + 5], axis=1).astype(np.float32)
    kept, dropped = correlated(features, numeric(4), np.array([1.0, 9.0, 3.0, 2.0]), 0.9)
    assert kept.tolist() == [1, 2]
    assert {index: each.kept for index, each in dropped.items()} == {0: 2, 3: 2}
    np.testing.assert_allclose([dropped[0].r, dropped[3].r], [-1, -1], atol=1e-9)
    for scores in (None, np.zeros(4)):
        kept, dropped = correlated(features, numeric(4), scores, 0.9)
        assert (kept.tolist(), list(dropped)) == ([0, 1], [2, 3])


def test_a_dropped_column_drops_nothing():
    # b is near both a and c, which are far from each other: a drops b, and c stays.
    rng = np.random.default_rng(1)
    a, c = np.linalg.qr(rng.normal(size=(200, 2)))[0].T
    features = np.stack([a, a + c, c], axis=1)
    features -= features.mean(axis=0)
    kept, dropped = correlated(features, numeric(3), None, 0.6)
    assert (kept.tolist(), list(dropped)) == ([0, 2], [1])


def test_categories_and_constants_are_not_compared():
    column = np.arange(1.0, 9.0, dtype=np.float32)
    features = np.stack([column, column, np.full(8, 0.1, np.float32), column], axis=1)
    words = tuple("abcdefgh")
    columns = (*numeric(1), Column("c", "categorical", vocabulary=words), *numeric(2))
    kept, dropped = correlated(features, columns, None, 0.0)
    assert (kept.tolist(), list(dropped)) == ([0, 1, 2], [3])


def test_rows_in_chunks_and_a_large_mean_change_nothing(monkeypatch):
    features = datasets.load_digits(return_X_y=True)[0][:, 1:20].astype(np.float32)
    expected = correlated(features, numeric(19), None, 0.3)
    monkeypatch.setattr(correlation, "_CHUNK_CELLS", 1000)
    shifted = correlated(features + 2**19, numeric(19), None, 0.3)
    assert expected[0].tolist() == shifted[0].tolist()
    assert list(expected[1]) == list(shifted[1])
    np.testing.assert_allclose(list(expected[1].values()), list(shifted[1].values()), rtol=1e-9)


@pytest.mark.parametrize("limit", [-0.1, 1.0, float("nan")])
def test_bad_limit(limit):
    with pytest.raises(ValueError, match=f"correlation limit {limit}; accepted: 0 or more and less than 1"):
        correlated(np.eye(3), numeric(3), None, limit)
