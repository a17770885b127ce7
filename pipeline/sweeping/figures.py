"""The figures of a sweep's job, from the report in its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from pipeline.engine.errors import ConfigError
from pipeline.reporting.document import measurement_of
from pipeline.reporting.metrics import METRICS, figures_of, metrics_of
from pipeline.reporting.read import NAME, read_report

KNOWN = ("quality", *METRICS)
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


def more_is_better(key: str) -> bool:
    """Says which way a figure is the better one."""
    return key == "quality" or METRICS[key].more_is_better


def read_figures(folder: Path, model: str | None) -> Figures | None:
    """Returns a model's figures from the report that a job has delivered; None if the job has no report.

    Args:
        folder: The job's.
        model: The name in the report; None: the last one.

    Raises:
        NoFigureError: If the report can't be read, or has no such model.
    """
    path = next(iter(sorted(folder.glob(f"*/{NAME}"))), None)
    if path is None:
        return None
    try:
        document = read_report(path)
        name = document["models"][-1]["name"] if model is None else model
        measurement = measurement_of(document, name)
        metrics = metrics_of(measurement)
    except ValueError as error:
        raise NoFigureError(str(error)) from error
    figures = figures_of(document, name)
    values = {metric.key: float(metric.value(figures)) for metric in metrics}
    return Figures(name, measurement["task"], {"quality": values[metrics[0].key], **values})


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
