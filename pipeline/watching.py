"""Who follows a run, as the configuration asks: a tracker, a profiler. Nothing of it is part of any key."""

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.artifact import Artifact
from pipeline.engine.errors import ConfigError, one_line
from pipeline.engine.ledger import Entry, money
from pipeline.engine.observer import End, Observer, Observers
from pipeline.engine.plan import Step
from pipeline.engine.settings import CostSettings, checked
from pipeline.engine.stage import STRICT, Stage
from pipeline.profiling import ProfileSettings, Profiling, chosen
from pipeline.reporting.flatten import numbers
from pipeline.tracking.tracker import Tracked, Tracker


@dataclass(config=STRICT, kw_only=True)
class NoTracking:
    """Nothing but the run's own folder."""

    tracker: Literal["none"] = "none"


@dataclass(config=STRICT, kw_only=True)
class TensorBoardTracking:
    """Event files for TensorBoard."""

    tracker: Literal["tensorboard"] = "tensorboard"
    path: str | None = None

    def open(self, run: Tracked, folder: Path) -> Tracker:
        """Opens this run's files, in the output folder unless told otherwise."""
        from pipeline.tracking.tensorboard import TensorBoard

        own = folder / "tensorboard" if self.path is None else Path(self.path).expanduser() / run.moment
        return TensorBoard(own, run)


@dataclass(config=STRICT, kw_only=True)
class MlflowTracking:
    """MLflow's SQLite store."""

    tracker: Literal["mlflow"] = "mlflow"
    path: str
    experiment: str
    exports: bool

    def open(self, run: Tracked, folder: Path) -> Tracker:
        """Opens a run in the store."""
        from pipeline.tracking.mlflow import Mlflow

        del folder
        return Mlflow(Path(self.path).expanduser(), run)


@dataclass(config=STRICT, kw_only=True)
class Watching:
    """How a run is followed."""

    tracking: Annotated[NoTracking | TensorBoardTracking | MlflowTracking, pydantic.Field(discriminator="tracker")] = (
        pydantic.Field(default_factory=NoTracking)
    )
    profile: ProfileSettings = pydantic.Field(default_factory=ProfileSettings)


def read_watching(tracking: Mapping[str, Any], profile: Mapping[str, Any], stages: Mapping[str, Stage]) -> Watching:
    """Checks how a run is to be followed, without importing what follows it.

    Raises:
        ConfigError: For a wrong setting, a missing library, or a stage that can't be profiled as asked.
    """
    given = {name: dict(each) for name, each in (("tracking", tracking), ("profile", profile)) if each}
    watching: Watching = checked(Watching, given, "")
    if isinstance(watching.tracking, MlflowTracking) and importlib.util.find_spec("mlflow") is None:
        raise ConfigError("tracking", "MLflow is not installed", value="mlflow", accepted=["uv sync --extra mlflow"])
    chosen(watching.profile, stages)
    return watching


@contextmanager
def watched(
    watching: Watching, plan: Sequence[Step], run: Tracked, folder: Path, cost: CostSettings
) -> Iterator[Observers]:
    """Gives the observers of a run inside a `with` block, and tells them when it was broken off.

    Raises:
        ConfigError: If a tracker can't be opened; nothing was run then.
    """
    heard: list[Observer] = []
    if not isinstance(watching.tracking, NoTracking):
        try:
            tracker = watching.tracking.open(run, folder)
        except (OSError, ValueError) as error:
            value = watching.tracking.path
            raise ConfigError("tracking.path", f"can't be used ({one_line(str(error))})", value=value) from error
        exports = isinstance(watching.tracking, MlflowTracking) and watching.tracking.exports
        heard.append(Tracking(tracker, cost, exports=exports))
    if (stage := chosen(watching.profile, {step.name: step.stage for step in plan})) is not None:
        heard.append(Profiling(stage, watching.profile.steps, folder / "profile" / stage))
    observers = Observers(heard)
    try:
        yield observers
    except BaseException:
        observers.end("interrupted")
        raise


class Tracking(Observer):
    """Tells a tracker how a run goes; what a reused stage was trained like is told from its artifact.

    Args:
        tracker: Open.
        cost: The price of computing.
        exports: Whether it is given the exported files too.
    """

    name = "tracking"

    def __init__(self, tracker: Tracker, cost: CostSettings, *, exports: bool) -> None:
        self._tracker, self._cost, self._exports = tracker, cost, exports
        self._told: set[tuple[str, int]] = set()
        self._seconds = {"core_seconds": 0.0, "wall_seconds": 0.0, "saved_core_seconds": 0.0}

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Tells the epoch's metrics while the stage trains."""
        self._told.add((stage, number))
        self._tracker.epoch(stage, number, metrics)

    def settled(self, entry: Entry, artifact: Artifact | None) -> None:
        """Tells what came of the stage, what it cost, and what its artifact says."""
        self._tracker.status(entry.stage, entry.status)
        spent = {"core_seconds": entry.cost.core_seconds, "wall_seconds": entry.cost.wall_seconds}
        self._tracker.figures(f"cost/{entry.stage}", spent)
        for name, value in (spent | {"saved_core_seconds": entry.saved.core_seconds}).items():
            self._seconds[name] += value
        if artifact is None:
            return
        history = artifact.files / "history.json"
        for number, metrics in enumerate(json.loads(history.read_text()) if history.is_file() else [], start=1):
            if (entry.stage, number) not in self._told:
                self._tracker.epoch(entry.stage, number, metrics)
        if entry.kind == "report":
            report = json.loads((artifact.files / "report.json").read_text())
            for model in report["models"]:
                self._tracker.figures(model["name"], numbers(model["measurement"]))
            self._tracker.files(artifact.files / "report.html", "")
        if entry.kind == "export" and self._exports:
            self._tracker.files(artifact.files, entry.stage)

    def end(self, how: End) -> None:
        """Tells the run's cost, and that it is over."""
        price = money(self._seconds["core_seconds"], self._cost.per_core_hour)
        try:
            self._tracker.figures("cost", {**self._seconds, self._cost.currency: price})
        finally:
            self._tracker.end(how)
