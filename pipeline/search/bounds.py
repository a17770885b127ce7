"""The budget: what a model may lose and take, who keeps it, and how far the others are from it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.search.trial import Figures, Trial

POINTS = 1.0
"""Points of accuracy that count as the whole bound where it is smaller, so that 0 can be missed by little."""


@dataclass(frozen=True)
class Bounds:
    """What a model must keep to; None is no bound.

    Attributes:
        accuracy_drop: Points it may lose against the reference.
        latency_ms: Median time of one example.
        size_kb: Deflated KiB.
    """

    accuracy_drop: float | None = None
    latency_ms: float | None = None
    size_kb: float | None = None

    def excess(self, figures: Figures, reference: Figures) -> dict[str, float]:
        """Returns by how much each bound is missed, in its own unit; only those that are."""
        found = {
            "accuracy_drop": (reference.quality - figures.quality, self.accuracy_drop),
            "latency_ms": (figures.latency_ms, self.latency_ms),
            "size_kb": (figures.size_kb, self.size_kb),
        }
        # An accuracy that is a bound's distance away may differ from it in the last bit.
        return {name: value - most for name, (value, most) in found.items() if most is not None and value - most > 1e-9}

    def miss(self, figures: Figures, reference: Figures) -> float:
        """Returns how far figures are from the budget, 0 if they keep it: the sum of the shares missed."""
        bounds = dataclasses.asdict(self)
        least = {"accuracy_drop": POINTS}
        return sum(
            excess / max(bounds[name], least.get(name, 0.0)) for name, excess in self.excess(figures, reference).items()
        )

    @property
    def said(self) -> str:
        """The bounds in words."""
        words = {"accuracy_drop": "at most {:g} points lost", "latency_ms": "{:g} ms", "size_kb": "{:g} KiB deflated"}
        values = dataclasses.asdict(self)
        given = [word.format(values[name]) for name, word in words.items() if values[name] is not None]
        return ", ".join(given) or "no bound"


def choose(trials: Sequence[Trial], reference: Figures, bounds: Bounds, minimise: str) -> Trial | None:
    """Returns the cheapest trial that keeps the budget, or None.

    Args:
        trials: Those that were carried out.
        reference: What accuracy is compared with.
        bounds: The budget.
        minimise: "size", "latency", or "both" for their product; of equals the more accurate wins.
    """
    kept = [(each.figures, each) for each in trials if each.figures and not bounds.excess(each.figures, reference)]
    return min(kept, key=lambda pair: (cost(pair[0], minimise), -pair[0].quality), default=(None, None))[1]


def nearest(trials: Sequence[Trial], reference: Figures, bounds: Bounds) -> Trial | None:
    """Returns the trial that misses the budget by least; of those that miss it equally, the more accurate."""
    measured = [(each.figures, each) for each in trials if each.figures]
    return min(measured, key=lambda pair: (bounds.miss(pair[0], reference), -pair[0].quality), default=(None, None))[1]


def cost(figures: Figures, minimise: str) -> float:
    """Returns what is to be as small as possible."""
    return {
        "size": figures.size_kb,
        "latency": figures.latency_ms,
        "both": figures.size_kb * figures.latency_ms,
    }[minimise]
