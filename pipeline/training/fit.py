"""Training with Keras's `fit`, resumable after every epoch."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.keras import keras, tf
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.determinism import SeedEachEpoch
from pipeline.training.objective import objective, soft_labels

INTERVAL = 0.25
"""Seconds between two reports of progress at least; reading a loss makes this process wait for the step."""

log = logging.getLogger(__name__)

OnProgress = Callable[[float, float, str], None]
"""Called with steps done, steps in all, and a few words."""


class Processes(Protocol):
    """The processes that train one model together."""

    rank: int

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on each."""

    def wrap(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """Returns an optimizer that averages gradients over them."""

    def broadcast(self, model: keras.Model) -> None:
        """Gives each the weights and the optimizer state of rank 0."""


def fit(
    model: keras.Model,
    training: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset | None,
    *,
    optimizer: keras.optimizers.Optimizer,
    epochs: int,
    steps_per_epoch: int,
    seed: int,
    state: Path,
    on_progress: OnProgress,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    processes: Processes | None = None,
    task: str = "classification",
    soft: bool = False,
    target_variance: float = 1.0,
    goal: Mapping[str, Any] | None = None,
) -> list[dict[str, float]]:
    """Trains a model, from its last completed epoch if there is one.

    Args:
        model: The model; it is trained in place.
        training: Gives the stream of (features, labels) batches, perhaps with sample weights, from an epoch on to the
            last.
        validation: Batches on which every epoch is judged; their labels may be class indices where `soft` is set;
            None judges none.
        optimizer: Its state is restored with the weights.
        epochs: How many in all, those before an interruption included.
        steps_per_epoch: Batches an epoch.
        seed: Seeds the random layers, each epoch and each rank differently.
        state: The folder for checkpoints; what is there is resumed.
        on_progress: Called after a batch, at most four times a second, and after the last.
        callbacks: More Keras callbacks.
        processes: Those that train it together, each with its own `training` stream; without them, this one alone.
        task: What the model predicts, as in `objective`; outputs are logits, or a number in the target's units.
        soft: As in `objective`.
        target_variance: As in `objective`.
        goal: Loss and metrics, as arguments of Keras's `compile`, in place of those of the task.

    Returns:
        The metrics of each epoch.

    Raises:
        ValueError: If the loss is no longer finite, or the task is unknown.
    """
    rank = processes.rank if processes else 0
    optimizer = processes.wrap(optimizer) if processes else optimizer
    model.compile(optimizer, **(goal or objective(task, soft=soft, target_variance=target_variance)))
    optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints(state / "checkpoints", model)
    history = checkpoints.restore() if rank == 0 else []
    if processes:
        history = processes.share(history)
        processes.broadcast(model)
    if history:
        log.info("going on after epoch %d of %d", len(history), epochs)
    if len(history) == epochs:  # killed after the last epoch, before Keras put averaged weights in place
        model.optimizer.finalize_variable_values(model.trainable_variables)
    else:
        model.fit(
            training(len(history)),
            initial_epoch=len(history),
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            validation_data=soft_labels(validation, model.output_shape[-1]) if soft and validation else validation,
            verbose=0,
            callbacks=[
                SeedEachEpoch(seed, rank),
                *callbacks,
                _Progress(epochs, steps_per_epoch, on_progress),
                _SaveEachEpoch(checkpoints if rank == 0 else None, history),
            ],
        )
    return history


class _Progress(keras.callbacks.Callback):
    _supports_tf_logs = True  # else Keras reads every metric after every batch

    def __init__(self, epochs: int, steps: int, on_progress: OnProgress) -> None:
        super().__init__()
        self._epochs, self._steps, self._on_progress = epochs, steps, on_progress
        self._epoch, self._last = 0, -math.inf

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done, total, now = self._epoch * self._steps + batch + 1, self._epochs * self._steps, time.monotonic()
        if now - self._last < INTERVAL and done < total:
            return
        self._last = now
        loss = float(logs["loss"])
        words = f"epoch {self._epoch + 1}/{self._epochs} step {batch + 1}/{self._steps} loss {loss:.4f}"
        self._on_progress(done, total, words)


class _SaveEachEpoch(keras.callbacks.Callback):
    def __init__(self, checkpoints: Checkpoints | None, history: list[dict[str, float]]) -> None:
        super().__init__()
        self._checkpoints, self._history = checkpoints, history

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        metrics = {name: float(value) for name, value in logs.items()}
        if not all(tf.math.is_finite(value) for value in metrics.values()):
            raise ValueError(f"epoch {epoch + 1}: the loss is not finite; try a lower learning_rate")
        self._history.append(metrics)
        if self._checkpoints:
            self._checkpoints.save(self._history)
