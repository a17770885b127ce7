"""The search itself, in a world whose figures and costs are known."""

import pytest
from search_cases import REFERENCE, cost, links, measured, network, space

from pipeline.search.bounds import Bounds, choose
from pipeline.search.candidate import Candidate
from pipeline.search.chain import REFERENCE_MODEL, Link, probe
from pipeline.search.costs import Costs, Spent
from pipeline.search.pareto import corner, hypervolume, point
from pipeline.search.propose import Known, propose, ruled_out, shuffled
from pipeline.search.trial import Trial


def searched(bounds, *, trials, seconds=None, where=None, drawn=None, fails=(), dear=1):
    """Trials and their reasons; `drawn` replaces the search's own proposals."""
    where = where or space()
    done, spent, total = {REFERENCE_MODEL}, [], 0.0

    def carry_out(chain):
        nonlocal total
        before = total
        for link in chain:
            if link.name not in done:
                done.add(link.name)
                spent.append(Spent(link, cost(link) * (dear if link.epochs else 1)))
                total += spent[-1].core_seconds
        return total - before

    spent.append(Spent(Link("reference", "train", "", REFERENCE_MODEL, 10), 50.0 * dear))
    spent.append(Spent(Link("export_reference", "export", "", REFERENCE_MODEL), 1.5))
    networks = {REFERENCE_MODEL: REFERENCE}
    for each in [] if drawn else where.networks_to_build():
        carry_out(probe(each))
        networks[each.network_name] = network(each)
    flops = {name: each.flops for name, each in networks.items()}
    found = [Trial(Candidate("reference"), where.top, REFERENCE, 0.0)]
    waiting = iter(drawn or [])
    while len(found) <= trials and (seconds is None or total < seconds):
        left = None if seconds is None else seconds - total
        known = Known(REFERENCE, networks, found, done)
        next_one = next(waiting, None) if drawn else propose(where, known, bounds, Costs(spent, flops), 3, left)
        if next_one is None:
            break
        each, rung = next_one.candidate, next_one.rung
        took = carry_out(links(each, rung, where))
        figures = None if each.quantization in fails else measured(each, rung)
        found.append(Trial(each, rung, figures, took))
    return found, total


def volume(trials):
    points = [point(each.figures, REFERENCE) for each in trials if each.figures]
    return hypervolume(points, corner(REFERENCE, Bounds()))


def test_what_needs_no_training_is_tried_first_where_training_is_dear():
    found, _ = searched(Bounds(), trials=1, dear=300)
    assert found[1].candidate == Candidate("reference", quantization="int8")


def test_the_same_findings_lead_to_the_same_trials():
    first, second = (searched(Bounds(1.0, None, 30.0), trials=8)[0] for _ in range(2))
    assert first == second


def test_at_equal_compute_it_dominates_more_than_random_trials():
    ratios = []
    for seed in range(1, 3):
        drawn, seconds = searched(Bounds(), trials=20, drawn=shuffled(space(), seed))
        guided, spent = searched(Bounds(), trials=1000, seconds=seconds)
        assert spent <= seconds * 1.1
        ratios.append(volume(guided) / volume(drawn))
    assert min(ratios) > 1
    assert sum(ratios) / 2 > 1.05


@pytest.mark.parametrize("bounds", [Bounds(1.0, None, 40.0), Bounds(2.0, 0.03, 20.0), Bounds(0.7, 0.25, None)])
def test_it_finds_what_keeps_the_budget_in_few_trials_if_there_is_any(bounds):
    where = space()
    every = [Trial(each, where.top, measured(each, where.top), 0.0) for each in where.candidates]
    assert choose(every, REFERENCE, bounds, "size")
    found, _ = searched(bounds, trials=25)
    assert choose(found, REFERENCE, bounds, "size")


def test_only_one_of_so_many_of_a_rung_is_trained_for_longer_unless_the_training_is_there_already():
    found, _ = searched(Bounds(), trials=30)
    low = {each.candidate for each in found if each.rung == 0}
    high = [each for each in found if each.rung == 1 and each.candidate in low]
    trained = [each for each in high if each.core_seconds > 8]
    assert low
    assert len(trained) <= max(1, len(low) // 3)


def test_a_failed_candidate_is_not_tried_again_and_the_search_goes_on():
    found, _ = searched(Bounds(), trials=12, fails=("int8",))
    failed = [each.candidate for each in found if each.figures is None]
    assert failed
    assert len(failed) == len({*failed})
    assert len(found) == 13


def test_it_ends_when_the_space_is_used_up_and_when_nothing_is_affordable():
    small = space(networks=("reference",), widths=(1.0,), sparsities=(0.0,), separable=(False,), clusters=(0,))
    assert len(searched(Bounds(), trials=99, where=small)[0]) == len(small.candidates)
    assert len(searched(Bounds(), trials=99, where=small, seconds=5.5)[0]) <= 3


def test_what_is_too_slow_or_too_large_untrained_is_ruled_out_and_nothing_that_would_fit():
    where, bounds = space(), Bounds(None, 0.05, 20.0)
    networks = {REFERENCE_MODEL: REFERENCE, **{e.network_name: network(e) for e in where.networks_to_build()}}
    out = ruled_out(where, Known(REFERENCE, networks, [], {REFERENCE_MODEL}), bounds)
    assert 0 < len(out) < len(where.candidates)
    for each in out:
        assert bounds.excess(measured(each, where.top), REFERENCE)


def test_random_order_is_the_seeds_and_each_candidate_comes_once_in_full():
    first, again, other = shuffled(space(), 1), shuffled(space(), 1), shuffled(space(), 2)
    assert first == again != other
    assert {each.candidate for each in first} == {*space().candidates}
    assert {each.rung for each in first} == {space().top}
