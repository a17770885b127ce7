"""Which candidate to try next: the one that promises most for what it costs, given all that was measured."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.search.bounds import Bounds
from pipeline.search.candidate import Candidate, Space
from pipeline.search.chain import REFERENCE_MODEL, chain
from pipeline.search.costs import Costs
from pipeline.search.halving import survivors
from pipeline.search.pareto import Point, corner, gains, point
from pipeline.search.prior import expected, hopeless
from pipeline.search.surrogate import Belief, believe
from pipeline.search.trial import Figures, Trial

CAUTION = 0.5
"""Standard deviations by which an untried candidate is taken to be better than believed, so that it is found out."""

LEAST_SECONDS = 1.0
"""What every trial is taken to cost at least, so that the cheapest are not tried for their cheapness alone."""


@dataclass(frozen=True)
class Known:
    """What the search has found out.

    Attributes:
        reference: The reference's figures.
        networks: Bytes, time and operations of each network in float32, by name; those that could not be measured lack.
        trials: In the order in which they were carried out.
        done: Names of the links that are in the store, the reference's model among them.
    """

    reference: Figures
    networks: Mapping[str, Figures]
    trials: Sequence[Trial]
    done: Collection[str]


@dataclass(frozen=True)
class Proposal:
    """A trial to carry out.

    Attributes:
        candidate: What.
        rung: Trained for how long.
        core_seconds: What it is foreseen to cost.
        why: In words, for the record.
    """

    candidate: Candidate
    rung: int
    core_seconds: float
    why: str


def ruled_out(space: Space, known: Known, bounds: Bounds) -> set[Candidate]:
    """Returns the candidates that are not worth a training: their network can't be served, or is far above a bound."""
    return {
        each
        for each in space.candidates
        if (network := known.networks.get(each.network_name)) is None
        or hopeless(each, network, bounds.size_kb, bounds.latency_ms)
    }


def propose(
    space: Space, known: Known, bounds: Bounds, costs: Costs, reduction: int, left: float | None
) -> Proposal | None:
    """Returns the next trial, the same for the same findings; None when nothing is left or affordable.

    A candidate is worth the largest gain in hypervolume that it promises at any rung, divided by the core time of all
    that has to be done until there; what is shared with earlier trials costs nothing. It starts at the lowest rung
    whose training is still to be done, and goes on from rung to rung only as one of the best of its rung. While nothing
    promises a gain, what is nearest to the budget comes first.

    Args:
        space: What may be tried.
        known: What was found out.
        bounds: The budget, which is the corner that hypervolume is counted from.
        costs: Foresees costs.
        reduction: One of so many goes on to the next rung.
        left: Core-seconds that may still be spent; None: any number.
    """
    open_rungs = _open(space, known, bounds, reduction)
    asked = [(each, rung) for each, start in open_rungs.items() for rung in space.rungs(each) if rung >= start]
    if not asked:
        return None
    beliefs = dict(zip(asked, _beliefs(asked, space, known), strict=True))
    hopeful = {key: _hope(belief.mean, belief.spread) for key, belief in beliefs.items()}
    worst = corner(known.reference, bounds)
    measured = [point(each.figures, known.reference) for each in known.trials if each.figures]
    promised = dict(zip(asked, gains(measured, [hopeful[key] for key in asked], worst), strict=True))
    options = []
    for each, start in open_rungs.items():
        now = _cost(each, start, space, known, costs)
        if left is not None and now > left:
            continue
        best, value, total = start, -1.0, LEAST_SECONDS
        for rung in [rung for rung in space.rungs(each) if rung >= start]:
            total += _cost(each, rung, space, known, costs)
            if promised[each, rung] / total > value:
                best, value = rung, promised[each, rung] / total
        lack = sum(max(0.0, have - most) for have, most in zip(hopeful[each, space.top], worst, strict=True))
        options.append((-value, lack * (LEAST_SECONDS + now) ** 0.25, now, each, start, best))
    if not options:
        return None
    _, _, now, each, start, best = min(options)
    gain = promised[each, best]
    if gain <= 0:
        return Proposal(each, start, now, "no gain in sight; this comes nearest for its cost")
    return Proposal(
        each, start, now, f"promises a gain of {gain:.3g}" + (" when trained for longer" if best > start else "")
    )


def shuffled(space: Space, seed: int) -> list[Proposal]:
    """Returns every candidate in random order, each trained in full: what a search is to be compared with."""
    order = space.candidates
    random.Random(seed).shuffle(order)
    return [Proposal(each, space.top, 0.0, "drawn at random") for each in order]


def _open(space: Space, known: Known, bounds: Bounds, reduction: int) -> dict[Candidate, int]:
    """Returns the rung at which each candidate could be tried next; those that may not go on are left out."""
    without = ruled_out(space, known, bounds)
    last = {each.candidate: each for each in known.trials}
    promoted = _promotable(space, known, bounds, reduction)
    found = {}
    for each in space.candidates:
        earlier = last.get(each)
        if each in without or (earlier and (earlier.figures is None or earlier.rung == space.top)):
            continue
        ready = [rung for rung in space.rungs(each) if _base(each, rung, space) in known.done]
        rung = max(ready, default=space.rungs(each)[0])
        if earlier is None or rung > earlier.rung:
            found[each] = rung
        elif each in promoted:
            found[each] = earlier.rung + 1
    return found


def _promotable(space: Space, known: Known, bounds: Bounds, reduction: int) -> set[Candidate]:
    found: set[Candidate] = set()
    for rung in range(space.top):
        at = [each for each in known.trials if each.rung == rung and each.figures]
        points = [point(each.figures, known.reference) for each in at if each.figures]
        misses = [bounds.miss(each.figures, known.reference) for each in at if each.figures]
        found |= {at[place].candidate for place in survivors(points, misses, reduction)}
    return found


def _base(candidate: Candidate, rung: int, space: Space) -> str:
    """Returns the name of the trained network that a candidate begins with."""
    return next(
        (link.name for link in chain(candidate, rung, space) if link.kind in ("train", "distill")), REFERENCE_MODEL
    )


def _cost(candidate: Candidate, rung: int, space: Space, known: Known, costs: Costs) -> float:
    return sum(costs.foresee(link) for link in chain(candidate, rung, space) if link.name not in known.done)


def _beliefs(asked: Sequence[tuple[Candidate, int]], space: Space, known: Known) -> list[Belief]:
    def prior(candidate: Candidate, rung: int) -> Point:
        return expected(candidate, rung, space, known.networks[candidate.network_name], known.reference)

    tried, residuals = [], []
    for each in known.trials:
        if each.figures:
            measured, before = point(each.figures, known.reference), prior(each.candidate, each.rung)
            tried.append((each.candidate, each.rung))
            residuals.append((measured[0] - before[0], measured[1] - before[1], measured[2] - before[2]))
    return believe(tried, residuals, asked, [prior(*key) for key in asked], space)


def _hope(mean: Point, spread: Point) -> Point:
    return (
        mean[0] - CAUTION * spread[0],
        mean[1] - CAUTION * spread[1],
        mean[2] - CAUTION * spread[2],
    )
