"""The stages that a candidate is made by, in order; candidates that begin alike share them."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.search.candidate import Candidate, Space

TEACHING = "reference_teaching"
REFERENCE_MODEL = "reference"


@dataclass(frozen=True)
class Link:
    """One stage of a chain.

    Attributes:
        name: Says all that it was made by, so that equal names are equal work.
        kind: What it does, a kind of stage.
        source: The link before it, or "" for what starts from data alone.
        network: The network that it works on, for its cost.
        epochs: Passes over the training part; 0 for what does not train.
        settings: Those that the search sets.
    """

    name: str
    kind: str
    source: str
    network: str
    epochs: int = 0
    settings: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)


@functools.cache
def chain(candidate: Candidate, rung: int, space: Space) -> tuple[Link, ...]:
    """Returns the links of a candidate at a rung, from its base to the measurement of its file.

    The trained reference, named `REFERENCE_MODEL`, is there already.
    """
    network = candidate.network_name
    fine_tune = space.fine_tune if candidate.given else min(space.fine_tune, space.epochs[rung])
    links: list[Link] = []
    name = REFERENCE_MODEL
    if not candidate.given:
        epochs = space.epochs[rung]
        name = f"{network}_e{epochs}"
        if candidate.distilled:
            links.append(Link(TEACHING, "teach", REFERENCE_MODEL, REFERENCE_MODEL))
            name = f"{name}_distilled"
            links.append(Link(name, "distill", TEACHING, network, epochs))
        else:
            links.append(Link(name, "train", "", network, epochs))
    steps: list[tuple[bool, str, str, int, dict[str, Any]]] = [
        (candidate.separable, "separable", "separate", fine_tune, {}),
        (
            candidate.sparsity > 0,
            f"zeros{round(100 * candidate.sparsity)}",
            "prune",
            fine_tune,
            {"final_sparsity": candidate.sparsity},
        ),
        (
            candidate.clusters > 0,
            f"values{candidate.clusters}",
            "cluster",
            fine_tune,
            {"clusters": candidate.clusters},
        ),
        (candidate.quantization == "aware", "aware", "quantize_aware", fine_tune, {}),
        (
            candidate.quantization not in ("none", "aware"),
            candidate.quantization,
            "quantize",
            0,
            {"scheme": candidate.quantization},
        ),
    ]
    for wanted, word, kind, epochs, settings in steps:
        if wanted:
            links.append(Link(f"{name}_{word}", kind, name, network, epochs, settings))
            name = links[-1].name
    return (*links, *served(name, network))


def probe(candidate: Candidate) -> list[Link]:
    """Returns what measures a candidate's network without training it: its speed and its bytes in float32."""
    name = f"{candidate.network_name}_untrained"
    return [
        Link(name, "build", "", candidate.network_name),
        *served(name, candidate.network_name),
    ]


def served(name: str, network: str) -> list[Link]:
    """Returns the export of a model and its measurement on the validation part, by which the search chooses."""
    return [
        Link(f"export_{name}", "export", name, network),
        Link(f"measure_{name}", "measure", f"export_{name}", network, settings={"part": "validation"}),
    ]


def on_test_part(links: Sequence[Link]) -> Link:
    """Returns what measures the model of a chain on the test part."""
    *_, exported, _ = links
    name = f"test_{exported.name.removeprefix('export_')}"
    return Link(name, "measure", exported.name, exported.network, settings={"part": "test"})
