"""Trade-offs between accuracy, bytes and time: the Pareto set, its rank, and the hypervolume that it dominates."""

import math
from collections.abc import Sequence

from pipeline.search.bounds import Bounds
from pipeline.search.trial import Figures

FLOOR = 10.0
"""Points below the reference from which accuracy is worth nothing, where no bound says otherwise."""

SLACK = math.log10(2)
"""Powers of ten of the reference's bytes and time up to which a model is of interest, where no bound says otherwise.

Above 0, because what is smaller and no faster, or a little slower, is worth something too.
"""

Point = tuple[float, float, float]


def point(figures: Figures, reference: Figures) -> Point:
    """Returns figures as numbers to minimise: points lost, and powers of ten of the reference's bytes and time."""
    return (
        reference.quality - figures.quality,
        math.log10(figures.size_kb / reference.size_kb),
        math.log10(figures.latency_ms / reference.latency_ms),
    )


def corner(reference: Figures, bounds: Bounds) -> Point:
    """Returns the worst that is of interest: the bounds, and without one twice the reference's bytes and time."""
    drop = FLOOR if bounds.accuracy_drop is None else bounds.accuracy_drop
    size = SLACK if bounds.size_kb is None else math.log10(bounds.size_kb / reference.size_kb)
    latency = SLACK if bounds.latency_ms is None else math.log10(bounds.latency_ms / reference.latency_ms)
    return drop, size, latency


def pareto_set(points: Sequence[Point]) -> list[int]:
    """Returns the places of the points that no other is better than or equal to in all; of equal ones the first."""
    import moocore

    return [place for place, best in enumerate(moocore.is_nondominated(points)) if best] if points else []


def ranks(points: Sequence[Point]) -> list[int]:
    """Returns each point's rank: 0 for the Pareto set, 1 for that of the others, and so on."""
    import moocore

    return [int(rank) for rank in moocore.pareto_rank(points)] if points else []


def hypervolume(points: Sequence[Point], worst: Point) -> float:
    """Returns the volume between points and the worst corner; those outside it count for nothing.

    Its unit is points of accuracy times a factor of ten in bytes times a factor of ten in time.
    """
    import moocore

    return float(moocore.hypervolume(points, ref=list(worst))) if points else 0.0


def gains(points: Sequence[Point], new: Sequence[Point], worst: Point) -> list[float]:
    """Returns by how much each new point alone would enlarge the hypervolume."""
    kept = [points[place] for place in pareto_set(points)]
    now = hypervolume(kept, worst)
    inside = [all(value < most for value, most in zip(each, worst, strict=True)) for each in new]
    return [hypervolume([*kept, each], worst) - now if fits else 0.0 for each, fits in zip(new, inside, strict=True)]
