"""TensorBoard: event files, a sub-folder for each stage, written without TensorFlow."""

import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from pipeline.tracking.tracker import End, Tracked

VERSION = "brain.Event:2"
"""Of the format, as a reader expects it in the first event of a file."""


class EventFile:
    """One file of events; each is on the disk when `add` returns, so that TensorBoard shows it at once.

    Args:
        folder: What TensorBoard calls a run; it is made when it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        # The clock in nanoseconds: a second run into one folder must not write into the file of the first.
        name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{time.time_ns()}"
        self._records = RecordWriter((folder / name).open("ab"))
        self._write(Event(wall_time=now, file_version=VERSION))

    def add(self, summary: Summary, step: int = 0) -> None:
        """Writes one summary."""
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def scalars(self, values: Mapping[str, float], step: int = 0) -> None:
        """Writes numbers by their tags."""
        self.add(Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]), step)

    def close(self) -> None:
        """Closes the file."""
        self._records.close()

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()


class TensorBoard:
    """Tracks one run for TensorBoard: `tensorboard --logdir FOLDER`.

    The metrics of a stage's epochs are in a sub-folder of its name, so that stages are lines of one chart; the run's
    settings, and its figures as `model/figure`, are in the folder itself, as one session of the HParams tab.

    Args:
        folder: Of this run alone.
        run: What it is.
    """

    def __init__(self, folder: Path, run: Tracked) -> None:
        self._folder = folder
        self._stages: dict[str, EventFile] = {}
        self._run = EventFile(folder)
        self._run.add(hparams_pb(dict(run.settings)))

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Writes an epoch's metrics at its number."""
        if stage not in self._stages:
            self._stages[stage] = EventFile(self._folder / stage)
        self._stages[stage].scalars(metrics, number)

    def figures(self, group: str, found: Mapping[str, float]) -> None:
        """Writes figures under `group/figure`."""
        self._run.scalars({f"{group}/{name}": value for name, value in found.items()})

    def status(self, stage: str, what: str) -> None:
        """Leaves it out: TensorBoard has no place for words that come late."""

    def files(self, path: Path, place: str) -> None:
        """Leaves them out: TensorBoard keeps no files."""

    def end(self, how: End) -> None:
        """Closes the files."""
        del how
        for each in (self._run, *self._stages.values()):
            each.close()
