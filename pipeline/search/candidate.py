"""What a search may try: networks and what is done to them, as plain data."""

import dataclasses
import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

REFERENCE, STUDENT = "reference", "student"
NETWORKS = (REFERENCE, STUDENT)
QUANTIZATIONS = ("none", "float16", "dynamic", "int8", "aware")


@dataclass(frozen=True, order=True)
class Candidate:
    """One combination of techniques, whatever its base is trained for.

    Attributes:
        network: Which network it starts from: the reference's or the student's.
        width: What the network's numbers of filters and units are multiplied by.
        distilled: Whether that network learns from the reference beside the labels.
        separable: Whether its convolutions become depthwise and pointwise ones.
        sparsity: Share of weights that become zero; 0 for none.
        clusters: Values that the weights of a layer come to share; 0 for any number.
        quantization: One of `QUANTIZATIONS`; "aware" is int8 with training.
    """

    network: str
    width: float = 1.0
    distilled: bool = False
    separable: bool = False
    sparsity: float = 0.0
    clusters: int = 0
    quantization: str = "none"

    @property
    def given(self) -> bool:
        """Whether its base is the trained reference itself."""
        return self.network == REFERENCE and self.width == 1

    @property
    def network_name(self) -> str:
        """Its network at its width, such as `student_w50`."""
        return self.network if self.given else f"{self.network}_w{round(100 * self.width)}"

    @property
    def label(self) -> str:
        """Its techniques in words."""
        said = [self.network if self.width == 1 else f"{self.network} at {self.width:.0%} width"]
        said += ["distilled"] * self.distilled + ["separable"] * self.separable
        said += [f"pruned {self.sparsity:.0%}"] if self.sparsity else []
        said += [f"{self.clusters} clusters"] if self.clusters else []
        said += {"none": [], "aware": ["int8 with training"]}.get(self.quantization, [self.quantization])
        return " + ".join(said)


@dataclass(frozen=True)
class Space:
    """The choices of each part of a candidate, and for how long it is trained.

    Attributes:
        networks: Of `NETWORKS`.
        widths: Multipliers of both networks; the reference itself is there whether 1 is among them or not.
        distilled: Whether a network may learn from the reference, and whether it may not.
        separable: The same of separable convolutions.
        sparsities: Shares of zeros; 0 for none.
        clusters: Numbers of shared values; 0 for any.
        quantizations: Of `QUANTIZATIONS`.
        epochs: Passes over the training part of a new network, rising; one rung of the search each.
        fine_tune: Passes of each technique that trains further.
        inseparable: Those networks that have no plain convolution to separate.
        fixed: Those networks that exist at their own width only.
    """

    networks: tuple[str, ...]
    widths: tuple[float, ...]
    distilled: tuple[bool, ...]
    separable: tuple[bool, ...]
    sparsities: tuple[float, ...]
    clusters: tuple[int, ...]
    quantizations: tuple[str, ...]
    epochs: tuple[int, ...]
    fine_tune: int
    inseparable: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def top(self) -> int:
        """The last rung."""
        return len(self.epochs) - 1

    def rungs(self, candidate: Candidate) -> list[int]:
        """Returns the rungs that a candidate has; what starts from the trained reference has the last one alone."""
        return [self.top] if candidate.given else [*range(len(self.epochs))]

    @functools.cached_property
    def candidates(self) -> list[Candidate]:
        """Every candidate, those with the fewest techniques first."""
        widths = sorted({*self.widths}, reverse=True)
        bases = [Candidate(REFERENCE)] if REFERENCE in self.networks else []
        bases += [
            Candidate(network, width, distilled)
            for network, width, distilled in itertools.product(self.networks, widths, self.distilled)
            if (network, width) != (REFERENCE, 1.0) and (width == 1 or network not in self.fixed)
        ]
        found = [
            dataclasses.replace(base, separable=separable, sparsity=zeros, clusters=values, quantization=quantization)
            for base, separable, zeros, values, quantization in itertools.product(
                bases, self.separable, self.sparsities, self.clusters, self.quantizations
            )
        ]
        able = [each for each in found if not (each.separable and each.network in self.inseparable)]
        return sorted(dict.fromkeys(able), key=_techniques)

    def networks_to_build(self) -> list[Candidate]:
        """Returns a plain candidate for each network and width but the reference itself."""
        plain = {each.network_name: Candidate(each.network, each.width) for each in self.candidates}
        return [each for each in plain.values() if not each.given]


def bits_per_weight(candidate: Candidate) -> float:
    """Estimates what a weight takes in the deflated file: the entropy of its place among zeros, and of its value."""
    stored = {"none": 29.5, "float16": 14.8}.get(
        candidate.quantization, 7.0
    )  # of 32, 16 and 8 bits, the exponents' are few
    if candidate.clusters:
        stored = min(stored, math.log2(candidate.clusters) + 0.8)
    kept = 1 - candidate.sparsity
    place = 0.0 if kept == 1 else -(kept * math.log2(kept) + (1 - kept) * math.log2(1 - kept))
    return kept * stored + place


def scaled(model: dict[str, Any], width: float) -> dict[str, Any]:
    """Returns a family's settings with its numbers of filters and units multiplied.

    Wide layers keep to multiples of 4, which kernels like.

    Args:
        model: The settings of an mlp, cnn, resnet or mobilenet.
        width: The multiplier.
    """

    def less(count: Any) -> Any:
        if isinstance(count, list):
            return [less(each) for each in count]
        if not isinstance(count, int):
            return count
        exact = count * width
        return max(1, round(exact)) if exact < 8 else 4 * round(exact / 4)

    if width == 1:
        return dict(model)
    if model["family"] == "mobilenet":
        return {**model, "width": float(model["width"]) * width}
    return {**model, **{name: less(model[name]) for name in ("filters", "units") if name in model}}


def _techniques(candidate: Candidate) -> int:
    return sum(
        [
            not candidate.given,
            candidate.distilled,
            candidate.separable,
            candidate.sparsity > 0,
            candidate.clusters > 0,
            candidate.quantization != "none",
        ]
    )
