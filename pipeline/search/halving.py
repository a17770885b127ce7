"""Asynchronous successive halving (arXiv:1810.05934) over several objectives: who may be trained for longer."""

from collections.abc import Sequence

from pipeline.search.pareto import Point, ranks


def survivors(points: Sequence[Point], misses: Sequence[float], reduction: int) -> list[int]:
    """Returns the places of the best `1 / reduction` of those that have finished a rung, best first.

    Better is who fewer layers of others dominate (`ranks`), then who is nearer to the budget, then the more accurate.
    Of two or more one goes on at least, or a short search would train nothing in full; one alone waits for another.

    Args:
        points: What was measured at the rung, to minimise.
        misses: How far each is from keeping the budget; 0 for who does.
        reduction: How many times fewer go on.
    """
    order = ranks(points)
    best = sorted(range(len(points)), key=lambda place: (order[place], misses[place], points[place]))
    return best[: max(1, len(points) // reduction)] if len(points) > 1 else []
