"""A quick look in place of the real thing: smaller settings for every stage, by what each has."""

from collections.abc import Mapping
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.engine.stage import STRICT
from pipeline.stages.score import FORGETTING_EPOCHS
from pipeline.stages.settings import Positive

CAPPED = ("check_examples", "calibration_examples", "account_examples")
"""Settings that say how many examples a stage uses for something else than training."""

HALF = 0.5
"""The least that a stage keeps of a debugged set, or classes would have none left."""

TITLE = "debug, figures mean nothing"


@dataclass(config=STRICT, kw_only=True)
class DebugSettings:
    """What is made smaller, and by how much; None leaves it as it is.

    Attributes:
        epochs: Of every training.
        examples: Of each part at most.
        batch_size: Of every training.
        runs: Timed and untimed ones of a measurement at most.
        plain: Whether to leave out augmentation and dropout.
    """

    epochs: Positive | None = None
    examples: Positive | None = None
    batch_size: Positive | None = None
    runs: Positive | None = None
    plain: bool = False

    @property
    def on(self) -> bool:
        """Whether anything is made smaller."""
        return self.plain or any((self.epochs, self.examples, self.batch_size, self.runs))


def debugged(stages: Mapping[str, Any], settings: DebugSettings) -> dict[str, Any]:
    """Returns the configuration of stages, made smaller; what is no mapping is left for others to refuse.

    Args:
        stages: As they were composed, by name.
        settings: How much smaller.
    """
    if not settings.on:
        return dict(stages)
    return {name: _smaller(each, settings) if isinstance(each, Mapping) else each for name, each in stages.items()}


def debugged_search(budget: Mapping[str, Any], settings: DebugSettings) -> dict[str, Any]:
    """Returns the section `budget` with its techniques made smaller, and with one rung where `epochs` is given.

    Args:
        budget: As it was composed.
        settings: How much smaller.
    """
    changed = dict(budget)
    if settings.on and isinstance(budget.get("techniques"), Mapping):
        changed["techniques"] = debugged(budget["techniques"], settings)
    if settings.epochs is not None:
        changed |= {"epochs": [settings.epochs], "fine_tune_epochs": settings.epochs}
    return changed


def _smaller(stage: Mapping[str, Any], settings: DebugSettings) -> dict[str, Any]:
    changed = dict(stage)
    if "epochs" in changed:
        changed |= _training(changed, settings)
    if settings.examples is not None:
        changed |= _fewer(changed, settings.examples)
    if changed.get("kind") == "measure" and settings.runs is not None:
        changed |= {name: min(changed[name], settings.runs) for name in ("runs", "warmup")}
    if changed.get("kind") == "report":
        changed["title"] = f"{changed['title']} ({TITLE})"
    return changed


def _training(stage: dict[str, Any], settings: DebugSettings) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if settings.epochs is not None:
        forgetting = stage["kind"] == "score" and stage.get("method") == "forgetting"
        changed["epochs"] = max(settings.epochs, FORGETTING_EPOCHS) if forgetting else settings.epochs
        if stage.get("hint_epochs"):
            changed["hint_epochs"] = settings.epochs
    if settings.batch_size is not None:
        changed["batch_size"] = settings.batch_size
        changed["optimizer"] = {**stage["optimizer"], "gradient_accumulation_steps": 1}
        changed["input"] = {**stage["input"], "last_batch": "keep"}
    if settings.plain:
        changed["augment"] = {name: type(value)() for name, value in stage["augment"].items()}
        if stage.get("model"):
            changed["model"] = {**stage["model"], "dropout": 0.0}
    return changed


def _fewer(stage: dict[str, Any], examples: int) -> dict[str, Any]:
    changed = {name: min(stage[name], examples) for name in CAPPED if name in stage}
    match stage.get("kind"):
        case "prepare":
            changed["limit"] = min(stage.get("limit") or examples, examples)
        case "sample" | "sample_by_value":
            if stage.get("fraction") is not None:
                changed["fraction"] = max(stage["fraction"], HALF)
            if stage.get("per_class") is not None:
                changed["per_class"] = None
    return changed
