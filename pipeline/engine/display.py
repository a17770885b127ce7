"""What a person sees while a run is on: a live view on a terminal, plain lines elsewhere."""

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.engine.stage import Progress as StageProgress

PLAIN_SECONDS = 5.0
DRAW_SECONDS = 0.1
RUN = "stages"
STAGE_LOGGER = "pipeline.stage."

# Its own descriptor: the standard ones are sent to a stage's log while native code runs.
console = Console(
    file=os.fdopen(os.dup(2), "w", buffering=1),
    highlight=False,
    soft_wrap=True,
    force_jupyter=False,
    force_terminal=None if os.isatty(2) else False,  # notebooks set FORCE_COLOR
)
atexit.register(console.file.close)


class ConsoleHandler(logging.Handler):
    """Sends log records to the console that the live view draws on, so that they don't tear it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one record."""
        style = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}.get(record.levelno, "")
        stage = record.name.removeprefix(STAGE_LOGGER) if record.name.startswith(STAGE_LOGGER) else ""
        console.print(f"{stage}: {self.format(record)}" if stage else self.format(record), style=style, markup=False)


class _Eta(TimeRemainingColumn):
    """The time left of a stage; for the run as a whole there is none, since stages differ by orders of magnitude."""

    def render(self, task: Task) -> Text:
        """Renders one task's column."""
        return Text() if task.description == RUN else Text("ETA ", "progress.remaining") + super().render(task)


class Display:
    """The progress of one run.

    Args:
        stages: How many stages the run has.
        quiet: Whether it leaves no line behind, because who runs it says what came out; a terminal's live view stays.
    """

    def __init__(self, stages: int, *, quiet: bool = False) -> None:
        self._stages = stages
        self._say: Callable[..., None] = _nothing if quiet else console.print
        self._live = console.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            _Eta(),
            TextColumn("{task.fields[text]}"),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._overall: TaskID | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the live view inside a `with` block."""
        with self._progress:
            self._overall = self._progress.add_task(RUN, total=self._stages, text="")
            yield

    def settled(self, number: int, name: str, what: str) -> None:
        """Says that a stage has come to its end: built, reused, failed."""
        self._say(f"[dim]\\[{number}/{self._stages}][/dim] {escape(name)}: {escape(what)}")
        if self._overall is not None:
            self._progress.advance(self._overall)

    @contextmanager
    def stage(self, number: int, name: str) -> Iterator["StageView"]:
        """Shows one stage inside a `with` block."""
        view = StageView(self._progress if self._live else None, f"[{number}/{self._stages}]", name, self._say)
        try:
            yield view
        finally:
            view.close()


class StageView:
    """The progress of one stage."""

    def __init__(self, progress: Progress | None, number: str, name: str, say: Callable[..., None]) -> None:
        self._progress, self._number, self._name, self._say = progress, number, name, say
        self._drawn = time.monotonic()
        self._first: tuple[float, float] | None = None
        self._task = progress.add_task(escape(f"{number} {name}"), total=None, text="") if progress else None
        if progress is None:
            say(f"{number} {name}: started", markup=False)

    def update(self, at: StageProgress) -> None:
        """Shows how far the stage is; calls that come too fast are dropped."""
        now = time.monotonic()
        # The first step takes seconds longer than the others; an ETA that counted it would be wrong for minutes.
        start, begun = self._first = self._first or (now, at.done)
        if now - self._drawn < (DRAW_SECONDS if self._progress else PLAIN_SECONDS):
            return
        self._drawn = now
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=at.done, total=at.total, text=escape(at.text))
            return
        left = (now - start) * (at.total - at.done) / (at.done - begun) if at.done > begun else None
        eta = "" if left is None else f" (ETA {left:.0f} s)"
        share = 100 * at.done / at.total if at.total else 0.0
        self._say(f"{self._number} {self._name}: {share:.0f}% {at.text}{eta}", markup=False)

    def close(self) -> None:
        """Takes the stage out of the live view."""
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)


def _nothing(*_: object, **__: object) -> None:
    """Says nothing."""


@contextmanager
def native_output_to(path: Path) -> Iterator[None]:
    """Sends what any code, native code included, writes to the standard streams into a file.

    TensorFlow's C++ libraries write warnings straight to descriptor 2; a stage's log is where they belong.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    saved = os.dup(1), os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor, number in zip(saved, (1, 2), strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(target)
