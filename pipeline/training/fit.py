"""Training with Keras's `fit`, resumable after every epoch."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from pipeline.keras import keras, tf
from pipeline.training.apart import judge_copy, naming_the_lost
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.determinism import SeedEachEpoch
from pipeline.training.objective import objective, soft_labels

INTERVAL = 0.25
"""Seconds between two reports of progress at least; reading a loss makes this process wait for the step."""

log = logging.getLogger(__name__)

OnProgress = Callable[[float, float, str], None]
"""Called with steps done, steps in all, and a few words."""


def unheard(*_: object) -> None:
    """Hears what nobody asked for."""


class Distribution(Protocol):
    """How a training is spread over processes or devices; what each method is for stands in the distribution room."""

    rank: int
    apart: bool
    remote: bool

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns the model and the optimizer to train."""

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which the placed model is compiled."""

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on each."""

    def begin(self, placed: keras.Model) -> None:
        """Gives each rank the weights and the optimizer state of rank 0."""

    def batches(self, make: Callable[[], tf.data.Dataset]) -> Any:
        """Returns what the placed model is fitted on, or judged by."""

    def copy(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives a model the present weights of the placed one."""

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns what `fit` must call besides."""

    def attempt(self, placed: keras.Model, history: list[dict[str, float]], train: Callable[[], None]) -> None:
        """Calls what trains on after the epochs of the history, and again whenever the ranks are others."""

    def completed(self, last: bool) -> None:
        """Hears that an epoch is in the history, and in rank 0's checkpoint."""

    def finish(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives a model the weights and the optimizer of the placed one."""


def fit(
    model: keras.Model,
    training: Callable[[int], tf.data.Dataset],
    validation: Callable[[], tf.data.Dataset] | None,
    *,
    optimizer: keras.optimizers.Optimizer,
    epochs: int,
    steps_per_epoch: int,
    seed: int,
    state: Path,
    on_progress: OnProgress,
    distribution: Distribution,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    task: str = "classification",
    soft: bool = False,
    target_variance: float = 1.0,
    goal: Callable[[], Mapping[str, Any]] | None = None,
    on_step: Callable[[int], None] = unheard,
    on_epoch: Callable[[int, Mapping[str, float]], None] = unheard,
) -> list[dict[str, float]]:
    """Trains a model, from its last completed epoch if there is one.

    Args:
        model: The model; it is trained in place.
        training: Gives the stream of (features, labels) batches, perhaps with sample weights, from an epoch on to the
            last.
        validation: Gives the batches on which every epoch is judged; their labels may be class indices where `soft` is
            set; None judges none.
        optimizer: Its state is restored with the weights.
        epochs: How many in all, those before an interruption included.
        steps_per_epoch: Batches an epoch.
        seed: Seeds the random layers, each epoch and each rank differently.
        state: The folder for checkpoints; what is there is resumed.
        on_progress: Called after a batch, at most four times a second, and after the last.
        distribution: Over what the training is spread; each rank has its own streams, asked for anew when the ranks
            change.
        callbacks: More Keras callbacks.
        task: What the model predicts, as in `objective`; outputs are logits, or a number in the target's units.
        soft: As in `objective`.
        target_variance: As in `objective`.
        goal: Makes the loss and the metrics, as arguments of Keras's `compile`, in place of those of the task.
        on_step: Called after each batch with its number, from 1 over all epochs; not where others train (`apart`).
        on_epoch: Called after each epoch with its number, from 1, and its metrics, once it can be resumed from.

    Returns:
        The metrics of each epoch.

    Raises:
        ValueError: If the loss is no longer finite, the task is unknown, or another process of the training is lost.
    """

    def aim() -> Mapping[str, Any]:
        return goal() if goal else objective(task, soft=soft, target_variance=target_variance)

    placed, optimizer = distribution.place(model, optimizer)
    with distribution.scope():
        placed.compile(optimizer, **aim())
        optimizer.build(placed.trainable_variables)
    checkpoints = Checkpoints(state / "checkpoints", placed, gather=distribution.apart or distribution.remote)
    history = distribution.share(checkpoints.restore() if distribution.rank == 0 else [])
    distribution.begin(placed)

    def judged() -> tf.data.Dataset:
        assert validation is not None, "checked"
        return soft_labels(validation(), model.output_shape[-1]) if soft else validation()

    def train() -> None:
        if history:
            log.info("going on after epoch %d of %d", len(history), epochs)
        if len(history) == epochs:  # killed after the last epoch, before Keras put averaged weights in place
            optimizer.finalize_variable_values(placed.trainable_variables)
            return
        by_copy = judged() if validation and distribution.apart else None
        if by_copy:
            model.compile(**aim())
        shown: keras.callbacks.Callback = (
            _EpochProgress(epochs, steps_per_epoch, on_progress)
            if distribution.apart
            else _Progress(epochs, steps_per_epoch, on_progress, on_step)
        )
        with naming_the_lost():
            placed.fit(
                distribution.batches(lambda: training(len(history))),
                initial_epoch=len(history),
                epochs=epochs,
                steps_per_epoch=steps_per_epoch,
                validation_data=distribution.batches(judged) if validation and not by_copy else None,
                verbose=0,
                callbacks=[
                    SeedEachEpoch(seed, distribution.rank),
                    *distribution.callbacks(),
                    *callbacks,
                    shown,
                    _SaveEachEpoch(
                        checkpoints if distribution.rank == 0 else None,
                        history,
                        (lambda: judge_copy(distribution, placed, model, by_copy)) if by_copy else dict,
                        on_epoch,
                        distribution.completed,
                    ),
                ],
            )

    distribution.attempt(placed, history, train)
    distribution.finish(placed, model)
    return history


class _Progress(keras.callbacks.Callback):
    _supports_tf_logs = True  # else Keras reads every metric after every batch

    def __init__(self, epochs: int, steps: int, on_progress: OnProgress, on_step: Callable[[int], None]) -> None:
        super().__init__()
        self._epochs, self._steps, self._on_progress, self._on_step = epochs, steps, on_progress, on_step
        self._epoch, self._last = 0, -math.inf

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done, total, now = self._epoch * self._steps + batch + 1, self._epochs * self._steps, time.monotonic()
        self._on_step(done)
        if now - self._last < INTERVAL and done < total:
            return
        self._last = now
        loss = float(logs["loss"])
        words = f"epoch {self._epoch + 1}/{self._epochs} step {batch + 1}/{self._steps} loss {loss:.4f}"
        self._on_progress(done, total, words)


class _EpochProgress(keras.callbacks.Callback):
    def __init__(self, epochs: int, steps: int, on_progress: OnProgress) -> None:
        super().__init__()
        self._epochs, self._steps, self._on_progress = epochs, steps, on_progress

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        words = f"epoch {epoch + 1}/{self._epochs} loss {float(logs['loss']):.4f}"
        self._on_progress((epoch + 1) * self._steps, self._epochs * self._steps, words)


class _SaveEachEpoch(keras.callbacks.Callback):
    def __init__(
        self,
        checkpoints: Checkpoints | None,
        history: list[dict[str, float]],
        judge: Callable[[], Mapping[str, float]],
        on_epoch: Callable[[int, Mapping[str, float]], None],
        completed: Callable[[bool], None],
    ) -> None:
        super().__init__()
        self._checkpoints, self._history, self._judge = checkpoints, history, judge
        self._on_epoch, self._completed = on_epoch, completed

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        metrics = {name: float(value) for name, value in {**logs, **self._judge()}.items()}
        if not all(tf.math.is_finite(value) for value in metrics.values()):
            raise ValueError(f"epoch {epoch + 1}: the loss is not finite; try a lower learning_rate")
        self._history.append(metrics)
        if self._checkpoints:
            self._checkpoints.save(self._history)
        self._on_epoch(epoch + 1, metrics)
        self._completed(epoch + 1 == self.params["epochs"])
