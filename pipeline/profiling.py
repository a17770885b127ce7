"""A profile of one stage, if the configuration asks for it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.artifact import Artifact
from pipeline.engine.display import console
from pipeline.engine.errors import ConfigError
from pipeline.engine.ledger import Entry
from pipeline.engine.observer import Observer
from pipeline.engine.stage import STRICT, Stage

AUTO = "auto"
"""Stands for the first stage that trains."""

SHOWN = 10
"""Operations that the overview lists."""

log = logging.getLogger(__name__)

Number = Annotated[int, pydantic.Field(gt=0)]


@dataclass(config=STRICT, kw_only=True)
class ProfileSettings:
    """Which stage is profiled, and from which to which step of its training."""

    stage: str | None = None
    steps: Annotated[list[Number], pydantic.Field(min_length=2, max_length=2)] | None = None

    def __post_init__(self) -> None:
        """Refuses steps that are none."""
        if self.steps is not None and self.steps[0] > self.steps[1]:
            raise ValueError(f"the last step, {self.steps[1]}, comes before the first, {self.steps[0]}")


def chosen(settings: ProfileSettings, stages: Mapping[str, Stage]) -> str | None:
    """Returns the stage that is to be profiled, if any.

    Raises:
        ConfigError: If there is no such stage, or it takes no steps that this process sees.
    """
    if settings.stage is None:
        if settings.steps is not None:
            raise ConfigError("profile.stage", "missing; profile.steps is given", accepted=[AUTO, *stages])
        return None
    training = [name for name, stage in stages.items() if hasattr(stage, "epochs")]
    if settings.stage == AUTO and AUTO not in stages:
        if not training:
            raise ConfigError("profile.stage", "no stage trains", value=AUTO, accepted=list(stages))
        name = training[0]
    elif settings.stage in stages:
        name = settings.stage
    else:
        name = settings.stage
        raise ConfigError("profile.stage", "no such stage", value=name, accepted=[AUTO, *stages], name=name)
    if settings.steps is not None and name not in training:
        problem = f"stage {name} takes no steps"
        raise ConfigError("profile.steps", problem, value=settings.steps, accepted=["null: the whole stage"])
    engine: Any = getattr(stages[name], "distribution", None)
    if settings.steps is not None and getattr(engine, "engine", "") == "parameter_server":
        problem = f"the steps of stage {name} are taken by other processes"
        raise ConfigError("profile.steps", problem, value=settings.steps, accepted=["null: the whole stage"])
    return name


class Profiling(Observer):
    """Runs TensorFlow's profiler over a stage, or some steps of it.

    Args:
        stage: Its name.
        steps: The first and the last step, counted from 1; None: the whole stage.
        folder: Where the trace goes.
    """

    name = "profile"

    def __init__(self, stage: str, steps: list[int] | None, folder: Path) -> None:
        self._stage, self._folder = stage, folder
        self._first: int | None = steps[0] if steps else None
        self._last: int | None = steps[1] if steps else None
        self._on, self._done, self._seen = False, False, 0

    def started(self, stage: str) -> None:
        """Starts with the stage, if its first step is wanted."""
        if stage == self._stage and self._first in (None, 1):
            self._start()

    def step(self, stage: str, number: int) -> None:
        """Starts before the first wanted step, and stops after the last."""
        if stage != self._stage or self._first is None or self._last is None:
            return
        if self._on:
            self._seen = number
            if number >= self._last:
                self._stop()
        elif self._first - 1 <= number < self._last and not self._done:
            self._start()

    def finished(self, stage: str) -> None:
        """Stops with the stage."""
        if stage == self._stage and self._on:
            self._stop()

    def settled(self, entry: Entry, artifact: Artifact | None) -> None:
        """Shows the overview, or says why there is none."""
        if entry.stage != self._stage:
            return
        if entry.status == "reused":
            remedy = f"stages.{entry.stage}.seed=1, or an empty store (store.path=)"
            log.warning("profile: %s was reused, so nothing was profiled; to build it anew: %s", entry.stage, remedy)
        elif not self._done:
            wanted = "" if self._first is None else f", whose steps did not reach {self._first}"
            log.warning("profile: nothing was profiled: %s was %s%s", entry.stage, entry.status, wanted)
        else:
            self._show()

    def _start(self) -> None:
        from pipeline.measurement.profile import start

        start(self._folder)
        self._on = True

    def _stop(self) -> None:
        from pipeline.measurement.profile import stop

        self._on = False
        stop()
        self._done = True

    def _show(self) -> None:
        from pipeline.measurement.profile import slowest

        what = "the whole stage" if self._first is None else f"steps {self._first} to {self._seen}"
        lines = [f"profile of {self._stage}, {what}; operations by their time:"]
        for each in slowest(self._folder)[:SHOWN]:
            lines.append(f"{each.milliseconds:10.1f} ms {each.share:6.1%} {each.count:7d} x {each.name}")
        lines.append(f"trace: {self._folder}")
        lines.append(f"to open it: uv run --with tensorboard-plugin-profile tensorboard --logdir {self._folder}")
        for line in lines:
            console.print(line, markup=False)
