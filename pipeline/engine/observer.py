"""Who follows a run from outside, such as a tracker or a profiler; nothing of theirs is part of an artifact."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

from pipeline.engine.artifact import Artifact
from pipeline.engine.errors import one_line
from pipeline.engine.ledger import Entry

End = Literal["finished", "failed", "interrupted"]

log = logging.getLogger(__name__)


class Observer:
    """Follows a run, in the process that leads it; each method does nothing unless a subclass has it.

    Attributes:
        name: What a warning calls it.
    """

    name = "observer"

    def started(self, stage: str) -> None:
        """Hears that a stage is about to be built."""

    def step(self, stage: str, number: int) -> None:
        """Hears that a training has taken a step, counted from 1 over all epochs."""

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Hears that a training has completed an epoch, counted from 1."""

    def finished(self, stage: str) -> None:
        """Hears that a stage that was started has been built, or has failed."""

    def settled(self, entry: Entry, artifact: Artifact | None) -> None:
        """Hears what came of a stage, in the order of the plan; the artifact is there if it was built or reused."""

    def end(self, how: End) -> None:
        """Hears that the run is over."""


class Observers(Observer):
    """Several observers as one; one that fails is warned of, ended and heard no more, and the run goes on.

    Args:
        observers: Any number.
    """

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._heard = list(observers)
        self._lost: list[str] = []

    def started(self, stage: str) -> None:
        """Passes it on."""
        self._tell(lambda each: each.started(stage))

    def step(self, stage: str, number: int) -> None:
        """Passes it on."""
        self._tell(lambda each: each.step(stage, number))

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Passes it on."""
        self._tell(lambda each: each.epoch(stage, number, metrics))

    def finished(self, stage: str) -> None:
        """Passes it on."""
        self._tell(lambda each: each.finished(stage))

    def settled(self, entry: Entry, artifact: Artifact | None) -> None:
        """Passes it on."""
        self._tell(lambda each: each.settled(entry, artifact))

    def end(self, how: End) -> None:
        """Passes it on, and says again who was lost, for the first warning may have scrolled away."""
        self._tell(lambda each: each.end(how))
        for line in self._lost:
            log.warning("%s", line)

    def _tell(self, call: Callable[[Observer], None]) -> None:
        for observer in list(self._heard):
            try:
                call(observer)
            except Exception as error:
                self._heard.remove(observer)
                with suppress(Exception):  # it may well fail again
                    observer.end("interrupted")
                why = f"{type(error).__name__}: {one_line(str(error))}"
                self._lost.append(f"{observer.name} is incomplete: it failed during the run ({why})")
                log.warning("%s failed (%s); the run goes on without it", observer.name, why)
