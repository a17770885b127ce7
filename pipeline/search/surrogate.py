"""A model of what untried candidates would measure, learned from the trials: a Gaussian process around the prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.search.candidate import Candidate, Space
from pipeline.search.pareto import Point

SCALES = (2.0, 0.15, 0.15)
"""How far the prior is expected to be off: points, and powers of ten of bytes and time."""

NOISE = (0.3, 0.02, 0.05)
"""How much the same candidate differs from itself: another seed, another moment of the machine."""


RUNG = 3.0
"""How much more a shorter training may cost than a technique: what is lost on a low rung is mostly the rung's doing."""


@dataclass(frozen=True)
class Belief:
    """What is believed of one candidate at one rung.

    Attributes:
        mean: Points lost, powers of ten of bytes and time.
        spread: Standard deviation of each.
    """

    mean: Point
    spread: Point


def believe(
    tried: Sequence[tuple[Candidate, int]],
    residuals: Sequence[Point],
    asked: Sequence[tuple[Candidate, int]],
    expectations: Sequence[Point],
    space: Space,
) -> list[Belief]:
    """Returns what is believed of candidates at rungs.

    Each technique adds its own to what the prior expects, and combinations that have much in common are alike: the
    kernel is linear in the parts of a candidate plus one that falls off with the number of parts that differ.

    Args:
        tried: Trials that were measured, one or more.
        residuals: What they measured less what the prior expected of them.
        asked: What is to be foreseen.
        expectations: What the prior expects of it.
        space: Names the parts.
    """
    import numpy as np

    means, spreads = np.asarray(expectations, np.float64), np.empty((len(asked), len(SCALES)))
    seen, wanted = _features(tried, space), _features(asked, space)
    for axis, (scale, noise) in enumerate(zip(SCALES, NOISE, strict=True)):
        between, to_seen = scale**2 * _kernel(seen, seen), scale**2 * _kernel(wanted, seen)
        weights = np.linalg.solve(between + noise**2 * np.eye(len(tried)), to_seen.T).T
        means[:, axis] += weights @ np.asarray(residuals)[:, axis]
        own = scale**2 * (0.375 + (wanted**2).sum(1) / 8)  # the kernel of each with itself
        spreads[:, axis] = np.sqrt(np.maximum(0.0, own - (weights * to_seen).sum(1)))
    return [Belief(tuple(mean), tuple(spread)) for mean, spread in zip(means.tolist(), spreads.tolist(), strict=True)]


def _kernel(one: Any, other: Any) -> Any:
    """Returns how alike candidates are: a constant, what each part adds, and what falls off with parts that differ."""
    import numpy as np

    together = one @ other.T
    apart = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * together
    return (1 + together) / 8 + np.exp(-apart / (2 * 1.5**2)) / 4


def _features(asked: Sequence[tuple[Candidate, int]], space: Space) -> Any:
    """Returns one row each, a column of 0 and 1 for each choice of each part."""
    import numpy as np

    networks = sorted({each.network_name for each in space.candidates})
    parts: list[tuple[list[Any], list[Any]]] = [
        ([each.network_name for each, _ in asked], networks),
        ([each.distilled for each, _ in asked], [True]),
        ([each.separable for each, _ in asked], [True]),
        ([each.sparsity for each, _ in asked], [value for value in space.sparsities if value]),
        ([each.clusters for each, _ in asked], [value for value in space.clusters if value]),
        ([each.quantization for each, _ in asked], [value for value in space.quantizations if value != "none"]),
    ]
    columns = [[float(value == choice) for value in values] for values, choices in parts for choice in choices]
    rungs = [-1 if each.given else rung for each, rung in asked]
    columns += [[RUNG * (rung == low) for rung in rungs] for low in range(space.top)]
    return np.asarray(columns, np.float64).reshape(-1, len(asked)).T
