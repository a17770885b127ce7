"""Training in one process."""

from typing import Any

from pipeline.keras import keras


class Single:
    """The interface of every engine, at its simplest: one rank, nothing to share.

    Attributes:
        rank: This process's number, from 0. Rank 0 alone writes checkpoints and artifacts.
        size: How many processes train together.
    """

    rank = 0
    size = 1

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on every rank."""
        return value

    def wrap(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """Returns an optimizer that averages gradients over all ranks; not yet built."""
        return optimizer

    def broadcast(self, model: keras.Model) -> None:
        """Gives every rank the weights and the optimizer state of rank 0."""
        del model
