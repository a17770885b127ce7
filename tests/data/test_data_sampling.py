import re
from collections import Counter
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.data.sampling.balanced import balanced
from pipeline.data.sampling.cap import cap
from pipeline.data.sampling.draw import quotas, rounded_up
from pipeline.data.sampling.random import random
from pipeline.data.sampling.stratified import stratified
from pipeline.data.sampling.summary import summary

COUNTS = (7, 13, 5, 25)
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS)).astype(np.int32)
NAMES = ("a", "b", "c", "d")
TARGETS = np.random.default_rng(0).normal(size=50).astype(np.float32)
SEVERAL = np.random.default_rng(0).integers(0, 2, (50, 3)).astype(np.uint8)

# Each method of the seed, and the share of each example of LABELS that it keeps.
METHODS = {
    "random": (lambda seed: random(50, 0.3, seed), [0.3] * 4),
    "stratified": (lambda seed: stratified(LABELS, 0.3, seed), [0.3] * 4),
    "stratified targets": (lambda seed: stratified(TARGETS, 0.3, seed), [0.3] * 4),
    "balanced": (lambda seed: balanced(LABELS, NAMES, 3, seed), [3 / 7, 3 / 13, 3 / 5, 3 / 25]),
    "cap": (lambda seed: cap(LABELS, 8, seed), [1, 8 / 13, 1, 8 / 25]),
}


@pytest.mark.parametrize("method", METHODS)
def test_indices_are_sorted_distinct_and_the_seed_decides(method):
    draw = METHODS[method][0]
    kept = draw(1)
    assert kept.dtype == np.int64
    assert (np.diff(kept) > 0).all()
    assert 0 <= kept[0] <= kept[-1] < 50
    np.testing.assert_array_equal(kept, draw(1))
    assert kept.tolist() != draw(2).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_each_example_of_a_class_is_kept_equally_often(method):
    """Chi-square over fixed seeds; a right method fails at one choice of them in a thousand."""
    from scipy.stats import chi2

    draw, shares = METHODS[method]
    seeds = 800
    times = sum(np.bincount(draw(seed), minlength=50) for seed in range(seeds))
    wanted = np.array(shares)[LABELS]
    certain = wanted == 1
    assert (times[certain] == seeds).all()
    expected, drawn = seeds * wanted[~certain], times[~certain]
    # Drawing without replacement ties the counts of a class together: at most as many degrees of freedom as examples.
    statistic = ((drawn - expected) ** 2 / (expected * (1 - wanted[~certain]))).sum()
    assert statistic < chi2.ppf(0.999, len(drawn))


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 1 / 3, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("counts", [COUNTS, (1, 1, 1, 1), (1000, 1), (10,) * 10, tuple(range(1, 60))])
def test_stratified_keeps_each_class_and_the_whole_within_one_example(counts, fraction):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    fraction = max(fraction, 1 / len(labels))
    for seed in range(20):
        kept = stratified(labels, fraction, seed)
        assert (np.abs(np.bincount(labels[kept], minlength=len(counts)) - np.array(counts) * fraction) < 1).all()
        assert abs(len(kept) - len(labels) * fraction) < 1


def test_quotas_are_right_on_average():
    counts = np.array([3, 1, 1, 10, 4])
    rng = np.random.default_rng(0)
    mean = np.mean([quotas(counts, 0.37, rng.random()) for _ in range(5000)], axis=0)
    # Five standard errors of a count that is one of two neighbours.
    np.testing.assert_allclose(mean, counts * 0.37, atol=5 * 0.5 / np.sqrt(5000))


def test_a_regression_keeps_its_deciles():
    targets = np.random.default_rng(0).lognormal(size=1000).astype(np.float32)
    kept = stratified(targets, 0.25, 0)
    decile = np.searchsorted(np.quantile(targets, np.arange(0.1, 1, 0.1)), targets)
    assert set(np.bincount(decile[kept])) == {25}
    assert len(stratified(np.zeros(100, np.float32), 0.25, 0)) == 25


def test_digits():
    labels = load_digits().target.astype(np.int32)
    names = tuple("0123456789")
    counts = np.bincount(labels)
    assert len(random(len(labels), 0.1, 0)) == 180
    assert set(np.bincount(labels[balanced(labels, names, None, 0)])) == {counts.min()}
    assert (np.bincount(labels[cap(labels, 178, 0)]) == np.minimum(counts, 178)).all()
    assert (np.abs(np.bincount(labels[stratified(labels, 0.1, 0)]) - counts / 10) < 1).all()


@pytest.mark.parametrize("fraction", [1.0, 1])
def test_the_whole_is_kept_whole(fraction):
    for kept in (random(50, fraction, 0), stratified(LABELS, fraction, 0), cap(LABELS, 25, 0)):
        assert kept.tolist() == list(range(50))


def test_summary_counts_each_class():
    kept = np.flatnonzero(np.arange(50) % 2)
    rows = summary(LABELS, kept, NAMES)
    before, after = Counter(LABELS.tolist()), Counter(LABELS[kept].tolist())
    assert [tuple(row) for row in rows] == [
        (name, before[index], after[index], before[index] - after[index]) for index, name in enumerate(NAMES)
    ]


def test_summary_of_other_targets():
    assert [tuple(row) for row in summary(TARGETS, np.arange(20), ("price",))] == [("price", 50, 20, 30)]
    rows = summary(np.array([[1, 0], [1, 1], [0, 1]], np.uint8), np.array([0, 2]), ("red", "round"))
    assert [tuple(row) for row in rows] == [("red", 2, 1, 1), ("round", 2, 1, 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 1234, 60000])
def test_the_fraction_that_summary_asks_for_does(count):
    fraction = rounded_up(1 / count)
    assert 1 / count <= fraction <= min(1, 1.011 / count)
    labels = np.repeat([0, 1], [count, 977]).astype(np.int32)
    assert all((labels[stratified(labels, fraction, seed)] == 0).any() for seed in range(50))


def test_an_empty_class_is_refused():
    kept = np.flatnonzero(LABELS > 0)
    said = "class 'a': none of its 7 examples is in the sample; accepted: a fraction of 0.143 or more with stratified"
    with pytest.raises(ValueError, match=said):
        summary(LABELS, kept, NAMES)
    with pytest.raises(
        ValueError, match=r"class 'c' \(and 1 more classes\): none of its 5 examples .* fraction of 0.2 "
    ):
        summary(LABELS, kept[LABELS[kept] != 2], NAMES)
    with pytest.raises(ValueError, match=r"class 'round': none of its 1 examples .* a fraction of 1.0 or more"):
        summary(np.array([[1, 0], [1, 1]], np.uint8), np.array([0]), ("red", "round"))
    assert summary(LABELS, np.arange(50), (*NAMES, "never"))[-1] == ("never", 0, 0, 0)


ONE_CLASS = "needs one class for each example, not"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(random, 50, 0, 0), "fraction 0; accepted: more than 0, at most 1"),
        (partial(random, 50, 1.5, 0), "fraction 1.5; accepted: more than 0, at most 1"),
        (partial(random, 50, float("nan"), 0), "fraction nan; accepted"),
        (partial(random, 60, 0.001, 0), "fraction 0.001 keeps none of 60 examples; accepted: 0.0167 or more"),
        (partial(random, 50, 0.5, -1), "seed -1; accepted: 0 to 4294967295"),
        (partial(stratified, LABELS, 2, 0), "fraction 2; accepted: more than 0, at most 1"),
        (partial(stratified, LABELS, 0.001, 0), "fraction 0.001 keeps none of 50 examples; accepted: 0.02 or more"),
        (partial(stratified, SEVERAL, 0.5, 0), "stratified sampling needs one label for each example, not several"),
        (partial(balanced, TARGETS, NAMES, None, 0), f"balanced sampling {ONE_CLASS} targets of dtype float32"),
        (partial(balanced, SEVERAL, NAMES, None, 0), f"balanced sampling {ONE_CLASS} several labels"),
        (partial(balanced, LABELS, NAMES, 6, 0), "per_class 6; accepted: 1 to 5, the size of the smallest class, 'c'"),
        (partial(balanced, LABELS, NAMES, 0, 0), "per_class 0; accepted: 1 to 5"),
        (partial(balanced, LABELS, (*NAMES, "e"), None, 0), "class 'e' has no example; accepted: one or more of each"),
        (partial(cap, TARGETS, 5, 0), f"a cap on each class {ONE_CLASS} targets of dtype float32; accepted: random"),
        (partial(cap, LABELS, 0, 0), "most 0; accepted: 1 or more examples of a class"),
    ],
)
def test_what_cannot_be_sampled(call, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call()
    assert "\n" not in str(caught.value)
