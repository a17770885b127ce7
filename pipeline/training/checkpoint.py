"""Checkpoints of a training, one folder an epoch, each complete or absent."""

import json
import logging
import shutil
from pathlib import Path

from pipeline.keras import keras, tf

KEPT = 2
HISTORY = "history.json"

log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one model in training: weights, optimizer state and history.

    Args:
        folder: Where they are kept.
        model: The compiled model; its optimizer must be built.
    """

    def __init__(self, folder: Path, model: keras.Model) -> None:
        self._folder = folder
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)

    def save(self, history: list[dict[str, float]]) -> None:
        """Saves the state after `len(history)` epochs and drops all but the last two checkpoints."""
        epoch = len(history)
        part = self._folder / f"epoch-{epoch:05d}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self._checkpoint.write(str(part / "state"))
        (part / HISTORY).write_text(json.dumps(history))
        part.rename(self._folder / f"epoch-{epoch:05d}")
        for old in self._finished()[:-KEPT]:
            shutil.rmtree(old)

    def restore(self) -> list[dict[str, float]]:
        """Restores the newest usable checkpoint and returns its history; without one, an empty history.

        A checkpoint that can't be read is passed over with a warning.
        """
        for folder in reversed(self._finished()):
            try:
                history = json.loads((folder / HISTORY).read_text())
                self._checkpoint.read(str(folder / "state")).assert_existing_objects_matched()
            except (tf.errors.OpError, OSError, ValueError, AssertionError) as error:
                log.warning("checkpoint %s can't be read (%s); the one before it is used", folder.name, error)
                shutil.rmtree(folder)
                continue
            return list(history)
        return []

    def _finished(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if path.suffix != ".part")
