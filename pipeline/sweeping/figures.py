"""The figures of a sweep's job, from the report in its folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from pipeline.engine.errors import ConfigError
from pipeline.reporting.metrics import COST, QUALITY

BETTER_HIGH = ("quality", "accuracy", "r2", "f1", "subset_accuracy", "sparsity")
"""The figures of which more is better."""

KNOWN = ("quality", *(metric.key for group in (*QUALITY.values(), COST) for metric in group))
"""What a sweep can be ranked by."""


class NoFigureError(LookupError):
    """A job's report lacks what the sweep is after."""


@dataclass(frozen=True)
class Figures:
    """What a report says of one model.

    Attributes:
        model: Its name there.
        task: What it does; it settles which figure is the quality.
        values: By figure.
    """

    model: str
    task: str
    values: dict[str, float]


def read_figures(folder: Path, model: str | None) -> Figures | None:
    """Returns a model's figures from the report that a job has delivered; None if the job has no report.

    Args:
        folder: The job's.
        model: The name in the report; None: the last one.

    Raises:
        NoFigureError: If the report has no such model.
    """
    for path in sorted(folder.glob("*/report.json")):
        report: dict[str, Any] = json.loads(path.read_text())
        tasks = {each["name"]: each["measurement"]["task"] for each in report["models"]}
        name = list(tasks)[-1] if model is None else model
        if name not in tasks:
            raise NoFigureError(f"its report has no model {name!r}; it has {', '.join(tasks)}")
        values = {row["metric"]: float(row["value"]) for row in report["comparison"] if row["model"] == name}
        values["quality"] = values[QUALITY[tasks[name]][0].key]
        return Figures(name, tasks[name], values)
    return None


def objective_values(found: Figures | None, objectives: Sequence[str]) -> list[float]:
    """Returns the figures that a job is judged by.

    Raises:
        NoFigureError: If its report lacks one, or it has none.
    """
    if found is None:
        raise NoFigureError("it has no report to be judged by; add a stage of kind report")
    if missing := [each for each in objectives if each not in found.values]:
        raise NoFigureError(f"its report has no figure {missing[0]}; it has {', '.join(sorted(found.values))}")
    return [found.values[each] for each in objectives]


def check_view(model: str | None, objectives: Sequence[str], config: DictConfig) -> None:
    """Refuses figures that no report has, and a model that the experiment's does not have.

    Raises:
        ConfigError: Before any job runs.
    """
    if not objectives:
        raise ConfigError("hydra.sweeper.objectives", "empty", accepted=KNOWN)
    for each in objectives:
        if each not in KNOWN:
            raise ConfigError("hydra.sweeper.objectives", "no such figure", value=each, accepted=KNOWN, name=each)
    reports = [stage for stage in config.stages.values() if stage.get("kind") == "report"]
    names = [name for stage in reports for name in (stage.get("inputs") or {})]
    if model is not None and names and model not in names:
        raise ConfigError("hydra.sweeper.model", "no such model in the report", value=model, accepted=names, name=model)
