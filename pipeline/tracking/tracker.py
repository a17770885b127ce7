"""What every tracker does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Value = str | int | float | bool
End = Literal["finished", "failed", "interrupted"]


@dataclass(frozen=True)
class Tracked:
    """What a tracker is told of a run before it begins.

    Attributes:
        name: Runs of one name are compared with one another.
        moment: Tells it from the others of its name.
        command: Repeats it.
        settings: All of them, by dotted key.
        sweep: Names the sweep that it is a job of, if it is one of several.
    """

    name: str
    moment: str
    command: str
    settings: Mapping[str, Value]
    sweep: str = ""


class Tracker(Protocol):
    """Keeps one run; each call is on the disk when it returns."""

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Keeps the metrics of one epoch, counted from 1, of a stage that trains."""

    def figures(self, group: str, found: Mapping[str, float]) -> None:
        """Keeps figures that a run has once: those of a model, or a cost."""

    def status(self, stage: str, what: str) -> None:
        """Keeps what came of a stage: built, reused, failed, skipped, unneeded."""

    def files(self, path: Path, place: str) -> None:
        """Keeps a copy of a file or a folder, where the tracker keeps files at all."""

    def end(self, how: End) -> None:
        """Closes the run."""
