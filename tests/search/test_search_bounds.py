"""What keeps a budget, what is chosen of it, and what is nearest to it."""

import itertools

import pytest
from search_cases import REFERENCE, measured, space

from pipeline.search.bounds import Bounds, choose, cost, nearest
from pipeline.search.candidate import Candidate
from pipeline.search.trial import Figures, Trial

BUDGETS = [Bounds(*each) for each in itertools.product((None, 0.0, 1.0), (None, 0.05, 1e-9), (None, 50.0, 1e-9))]


def trials():
    where = space()
    return [Trial(each, where.top, measured(each, where.top), 1.0) for each in where.candidates]


def fits(figures, bounds):
    return (
        (bounds.accuracy_drop is None or REFERENCE.quality - figures.quality <= bounds.accuracy_drop + 1e-9)
        and (bounds.latency_ms is None or figures.latency_ms <= bounds.latency_ms)
        and (bounds.size_kb is None or figures.size_kb <= bounds.size_kb)
    )


@pytest.mark.parametrize("bounds", BUDGETS, ids=lambda bounds: bounds.said)
def test_the_chosen_one_keeps_the_budget_and_none_that_does_is_cheaper(bounds):
    every = trials()
    kept = [each for each in every if fits(each.figures, bounds)]
    for minimise in ("size", "latency", "both"):
        found = choose(every, REFERENCE, bounds, minimise)
        assert (found is None) == (not kept)
        if found:
            assert found in kept
            assert cost(found.figures, minimise) == min(cost(each.figures, minimise) for each in kept)


@pytest.mark.parametrize("bounds", BUDGETS, ids=lambda bounds: bounds.said)
def test_the_nearest_misses_by_no_more_than_any_other_and_the_miss_is_0_for_who_keeps_it(bounds):
    every = trials()
    found = nearest(every, REFERENCE, bounds)
    assert bounds.miss(found.figures, REFERENCE) == min(bounds.miss(each.figures, REFERENCE) for each in every)
    for each in every:
        assert (bounds.miss(each.figures, REFERENCE) == 0) == fits(each.figures, bounds)
        assert bool(bounds.excess(each.figures, REFERENCE)) == (not fits(each.figures, bounds))


def test_an_excess_is_in_the_bounds_unit_and_a_miss_is_its_share():
    bounds = Bounds(accuracy_drop=0.5, latency_ms=0.1, size_kb=100)
    figures = Figures(quality=91.0, size_kb=150.0, latency_ms=0.1, flops=1)
    assert bounds.excess(figures, REFERENCE) == pytest.approx({"accuracy_drop": 0.5, "size_kb": 50})
    assert bounds.miss(figures, REFERENCE) == pytest.approx(0.5 / 1.0 + 50 / 100)


def test_failed_trials_are_neither_chosen_nor_near():
    failed = Trial(Candidate("reference"), 1, None, 1.0, "why")
    assert choose([failed], REFERENCE, Bounds(), "size") is None
    assert nearest([failed], REFERENCE, Bounds()) is None
