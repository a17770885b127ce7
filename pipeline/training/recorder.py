"""What a model predicts for each training example, epoch by epoch."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.keras import keras, tf


class RecordProbabilities(keras.callbacks.Callback):
    """Writes a classifier's probabilities for every example after each epoch.

    Args:
        examples: Batches of (features, labels), in one order for all epochs.
        folder: One file an epoch is written here; a resumed training finds those of the epochs before.
    """

    def __init__(self, examples: tf.data.Dataset, folder: Path) -> None:
        super().__init__()
        self._examples, self._folder = examples, folder

    def on_train_begin(self, logs: Any = None) -> None:
        """Makes the function that predicts, traced once for all epochs."""
        del logs
        self._predict = tf.function(lambda features: tf.nn.softmax(self.model(features, training=False)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Predicts all examples."""
        del logs
        found = np.concatenate([self._predict(features).numpy() for features, *_ in self._examples])
        self._folder.mkdir(parents=True, exist_ok=True)
        with _file(self._folder, epoch).open("wb") as file:
            np.save(file, found, allow_pickle=False)


def recorded(folder: Path, epochs: int) -> list[np.ndarray]:
    """Returns the probabilities of each epoch, float32 of shape (examples, classes), memory-mapped.

    Raises:
        FileNotFoundError: When an epoch wasn't recorded.
    """
    return [np.load(_file(folder, epoch), mmap_mode="r", allow_pickle=False) for epoch in range(epochs)]


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"{epoch}.npy"
