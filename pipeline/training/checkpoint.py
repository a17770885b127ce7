"""Checkpoints of a training, one folder an epoch, each complete or absent."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.keras import keras, tf

KEPT = 2
HISTORY = "history.json"
UNREADABLE = (tf.errors.OpError, OSError, ValueError, AssertionError, LookupError, RuntimeError)
"""What reading a damaged or foreign checkpoint raises; TensorFlow's reader of a cut-off file, an IndexError."""

log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one model in training: weights, optimizer state and history.

    Args:
        folder: Where they are kept.
        model: The compiled model; its optimizer must be built.
        gather: Whether this process writes and reads what lies on others too; else they need the folder as well.
    """

    def __init__(self, folder: Path, model: keras.Model, *, gather: bool = False) -> None:
        self._folder = folder
        self._options = tf.train.CheckpointOptions(experimental_io_device=tf.zeros(()).device if gather else None)
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)

    def save(self, history: list[dict[str, float]]) -> None:
        """Saves the state after `len(history)` epochs and drops all but the last two checkpoints."""
        epoch = len(history)
        part = self._folder / f"epoch-{epoch:05d}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with _without_warnings():
            self._checkpoint.write(str(part / "state"), self._options)
        (part / HISTORY).write_text(json.dumps(history))
        part.rename(self._folder / f"epoch-{epoch:05d}")
        for old in self._finished()[:-KEPT]:
            shutil.rmtree(old)

    def restore(self) -> list[dict[str, float]]:
        """Restores the newest usable checkpoint and returns its history; without one, an empty history.

        A checkpoint that can't be read is passed over with a warning, and leaves no trace in the model.
        """
        finished = self._finished()
        variables = [*self._checkpoint.model.variables, *self._checkpoint.optimizer.variables] if finished else []
        before = [variable.read_value() for variable in variables]  # wherever it lies, and in however many parts
        for folder in reversed(finished):
            try:
                return self._read(folder)
            except UNREADABLE as error:
                reason = " ".join(str(error).split())
                log.warning("checkpoint %s can't be read (%s); the one before it is used", folder.name, reason)
                shutil.rmtree(folder)
                for variable, value in zip(variables, before, strict=True):  # some may have been read
                    variable.assign(value)
        return []

    def _read(self, folder: Path) -> list[dict[str, float]]:
        history = json.loads((folder / HISTORY).read_text())
        if not isinstance(history, list) or len(history) != _epoch(folder):
            raise ValueError(f"{HISTORY} does not hold {_epoch(folder)} epochs")
        self._checkpoint.read(str(folder / "state"), self._options).assert_existing_objects_matched()
        return history

    def _finished(self) -> list[Path]:
        found = (path for path in self._folder.glob("epoch-*") if path.is_dir() and path.suffix != ".part")
        return sorted(found, key=_epoch)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keeps TensorFlow from complaining that it traces a function anew each time it saves what lies on others."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _epoch(folder: Path) -> int:
    return int(folder.name.removeprefix("epoch-"))
