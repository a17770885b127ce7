"""From the links of a chain to configured stages."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.search.chain import REFERENCE_MODEL, TEACHING, Link


def configured(
    links: Iterable[Link],
    stages: Mapping[str, Mapping[str, Any]],
    techniques: Mapping[str, Mapping[str, Any]],
    reference: str,
    models: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Returns the stages of a run with those of some links added.

    Args:
        links: What is to be added; each after what it starts from.
        stages: The run's own, the reference's among them.
        techniques: The settings of each kind of link but those that the search sets.
        reference: The stage whose model is the reference.
        models: The settings of each network, by name.
    """
    data = stages[reference]["inputs"]["data"]
    found = {name: dict(stage) for name, stage in stages.items()}
    for link in links:
        source = reference if link.source == REFERENCE_MODEL else link.source
        stage = {**techniques[link.kind], **link.settings}
        if link.epochs:
            stage["epochs"] = link.epochs
        if link.kind in ("build", "train", "distill"):
            stage["model"] = dict(models[link.network])
        inputs = {"data": data}
        if link.kind == "teach":
            inputs["teacher"] = source
        elif link.kind == "distill":
            inputs["teaching"] = TEACHING
        elif link.source:
            inputs["model"] = source
        found[link.name] = {**stage, "inputs": inputs}
    return found
