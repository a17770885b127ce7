"""What a stage would cost, from those that were carried out."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.search.chain import REFERENCE_MODEL, Link

FACTORS = {"distill": 1.1, "separate": 1.0, "prune": 1.3, "cluster": 1.6, "quantize_aware": 2.0}
"""Core time of a pass over the training part, against a plain one; until a stage of the kind was seen."""

FLAT = {"build": 0.5, "export": 1.0, "measure": 1.0, "quantize": 2.0, "teach": 2.0}
"""Core time of what does not train, against the reference's export; until a stage of the kind was seen."""


@dataclass(frozen=True)
class Spent:
    """What one stage cost."""

    link: Link
    core_seconds: float


class Costs:
    """Foresees costs.

    Args:
        seen: Stages that were carried out, the reference's own training (of kind "train") and export among them.
        flops: Operations of each network, where known.
    """

    def __init__(self, seen: Sequence[Spent], flops: Mapping[str, float]) -> None:
        self._flops = flops
        self._units: dict[tuple[str, str], float] = {}
        self._seen: dict[tuple[str, str], list[float]] = {}
        for each in seen:
            unit = each.core_seconds / max(1, each.link.epochs)
            self._seen.setdefault((each.link.kind, each.link.network), []).append(unit)

    def foresee(self, link: Link) -> float:
        """Returns the core-seconds that a stage would take."""
        key = (link.kind, link.network)
        if key not in self._units:
            self._units[key] = self._unit(*key)
        return max(1, link.epochs) * self._units[key]

    def _unit(self, kind: str, network: str) -> float:
        if own := self._seen.get((kind, network)):
            return statistics.fmean(own)
        others = {name: statistics.fmean(values) for (each, name), values in self._seen.items() if each == kind}
        if kind in FLAT:
            return statistics.fmean(others.values()) if others else FLAT[kind] * self._unit("export", REFERENCE_MODEL)
        if others:
            return statistics.fmean(unit * self._relative(network, name) for name, unit in others.items())
        return FACTORS[kind] * self._unit("train", network)

    def _relative(self, network: str, other: str) -> float:
        """Returns how much longer a pass takes for one network than for another; input and start-up are never free."""
        ours, theirs = self._flops.get(network), self._flops.get(other)
        return max(0.1, ours / theirs) ** 0.75 if ours and theirs else 1.0
