"""What a stage is: typed configuration, the artifacts it takes and gives, and one function that runs it."""

import abc
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pydantic

from pipeline.engine.artifact import Artifact

STRICT = pydantic.ConfigDict(extra="forbid", strict=True)

OUTSIDE_KEY = {"in_key": False}
"""Field metadata for settings that can't change an artifact's bytes, such as a path or a price."""


@dataclass(frozen=True)
class Progress:
    """How far a stage is: `done` of `total` units, and a few words such as the epoch and its loss."""

    done: float
    total: float
    text: str = ""


@dataclass(frozen=True)
class Exhibit:
    """A table that the report must show.

    Attributes:
        title: Its heading.
        columns: The heading of each column.
        rows: Its cells, texts and numbers; the first of each row names it.
        bars: The column that is to be drawn as bars, if any; its cells are numbers from 0 up.
        line: The column that is to be drawn as a line over the first, if any; both columns' cells are numbers, and the
            first's rise.
        log_x: Whether that line's horizontal axis is logarithmic; the first column's cells are above 0 then.
        lines: The columns that are to be drawn as lines over the first, for each panel, if any; as for `line`.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]
    bars: str | None = None
    line: str | None = None
    log_x: bool = False
    lines: Sequence[Sequence[str]] = ()


def unheard(*_: object) -> None:
    """Hears what nobody asked for."""


@dataclass(frozen=True)
class Context:
    """What the engine hands to a running stage.

    Attributes:
        name: The stage's name in the run.
        key: Its artifact's key.
        inputs: The artifacts it reads, by input name.
        output: The folder to fill; it becomes the artifact.
        state: A folder that survives a killed process, for checkpoints.
        log: The stage's own log.
        progress: Called with how far the stage is, as often as it likes.
        note: Called with a line that the report must show, such as "no layer matched".
        show: Called with a table that the report must show.
        keep: Called with what the stage kept in memory while it worked, in words, and its bytes, for the ledger.
        lineage: The manifests of all artifacts upstream, by stage name.
        run: Facts of the run: its command, its configuration as YAML.
        step: Called after each step of a training with its number, counted from 1 over all epochs.
        epoch: Called after each epoch of a training with its number, counted from 1, and its metrics.
    """

    name: str
    key: str
    inputs: Mapping[str, Artifact]
    output: Path
    state: Path
    log: logging.Logger
    progress: Callable[[Progress], None]
    note: Callable[[str], None]
    show: Callable[[Exhibit], None]
    keep: Callable[[str, int], None]
    lineage: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, str]
    step: Callable[[int], None] = unheard
    epoch: Callable[[int, Mapping[str, float]], None] = unheard


@pydantic.dataclasses.dataclass(config=STRICT, kw_only=True)
class Stage(abc.ABC):
    """Base of every stage; the fields of a subclass are its configuration.

    Class attributes:
        kind: The word that names it in the configuration.
        produces: The type of its artifact.
        accepts: For each input name, the artifact types it takes; the name "*" stands for any number of inputs.
        libraries: The distributions whose version can change the artifact.
        delivers: Whether the artifact is copied into the run's output folder.
        states: The facts of the run that the artifact states, and that are therefore part of its key.
    """

    kind: ClassVar[str]
    produces: ClassVar[str]
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    libraries: ClassVar[tuple[str, ...]] = ()
    delivers: ClassVar[bool] = False
    states: ClassVar[tuple[str, ...]] = ()

    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def used_libraries(self) -> tuple[str, ...]:
        """The distributions that count with these settings; of most stages all of the class's."""
        return self.libraries

    @property
    def together(self) -> bool:
        """Whether all processes of a launch build it together, rather than rank 0 alone."""
        return False

    @property
    def served(self) -> bool:
        """Whether workers or parameter servers of a TensorFlow cluster take part in building it."""
        return False

    def check(self, upstream: "Mapping[str, Stage]") -> None:  # noqa: B027  (most stages have nothing to add)
        """Refuses, before anything runs, what the types alone can't.

        Args:
            upstream: The stages that feed this one, by input name.

        Raises:
            ConfigError: With a key relative to this stage.
        """

    def sources(self) -> Mapping[str, Path]:
        """Returns the files outside the store that the artifact is made from, by the name that counts.

        Names and contents are in the key, the files' places aren't.
        """
        return {}

    @abc.abstractmethod
    def run(self, context: Context) -> None:
        """Fills `context.output`."""


def settings_in_key(settings: Any) -> Any:
    """Returns a dataclass as plain data, without inputs and without fields marked OUTSIDE_KEY."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return {
            f.name: settings_in_key(getattr(settings, f.name))
            for f in dataclasses.fields(settings)
            if f.metadata.get("in_key", True) and not (isinstance(settings, Stage) and f.name == "inputs")
        }
    if isinstance(settings, dict):
        return {key: settings_in_key(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [settings_in_key(value) for value in settings]
    return settings
