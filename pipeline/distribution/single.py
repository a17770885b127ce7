"""Training in one process, and the interface of every engine at its simplest."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pipeline.keras import keras, tf


class Single:
    """One rank, nothing to share. Engines override what is different with them.

    A training asks for these in this order: `place`; within `scope`, `compile`; `share` of what a checkpoint said;
    `begin`; `attempt` of Keras's `fit` of the placed model, after each epoch of which `copy` may be asked for, and then
    `completed`; `finish`.

    Attributes:
        rank: This process's number, from 0. Rank 0 alone writes checkpoints and artifacts.
        size: How many processes take a share of every batch.
        apart: Whether others train the placed model: this process sees the end of an epoch, but of no step, and judges
            a copy.
        remote: Whether what is trained lies on others too, so that this process writes and reads checkpoints for them.
    """

    rank = 0
    size = 1
    apart = False
    remote = False

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns the model and the optimizer to train, put where they belong: these, or others that stand for them.

        Args:
            model: Plain or wrapped, with its weights.
            optimizer: Not yet built.

        Raises:
            ValueError: If the engine can't carry the model.
        """
        return model, optimizer

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which the placed model is compiled, so that metrics lie where it does."""
        return nullcontext()

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on every rank."""
        return value

    def begin(self, placed: keras.Model) -> None:
        """Gives every rank the weights and the optimizer state of rank 0; called once they are restored."""
        del placed

    def batches(self, make: Callable[[], tf.data.Dataset]) -> Any:
        """Returns what the placed model is fitted on, or judged by if it is judged itself.

        Args:
            make: Makes the stream of (features, labels) batches, perhaps with weights, with this rank's shares.
        """
        return make()

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns what `fit` must call besides, before those that use an epoch's logs."""
        return []

    def memory(self, batch_size: int) -> dict[str, int]:
        """Returns the bytes that it keeps in memory beside what training in one process does, by what they are.

        Args:
            batch_size: Examples in a batch, of all ranks together.
        """
        del batch_size
        return {}

    def caveats(self) -> list[str]:
        """Returns what a reader of the training's figures must know, a line each; asked once it is over."""
        return []

    def attempt(self, placed: keras.Model, history: list[dict[str, float]], train: Callable[[], None]) -> None:
        """Calls what trains; an engine whose ranks may change does so again, once all have one state again.

        Args:
            placed: What `place` returned.
            history: Of the epochs that are done; epochs that are lost are taken out of it.
            train: Trains on after the epochs of the history.
        """
        del placed, history
        train()

    def completed(self, last: bool) -> None:
        """Hears, on each rank, that an epoch is in the history, and in rank 0's checkpoint.

        Args:
            last: Whether it is the last of all.
        """
        del last

    def copy(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives a model the weights, as they are now, of the one that is trained in its stead; only asked if `apart`.

        Args:
            placed: What `place` returned.
            model: What it was given.
        """
        del placed, model

    def finish(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives a model the weights, and the optimizer, of the one that was trained in its stead.

        Args:
            placed: What `place` returned.
            model: What it was given.
        """
        del placed, model
