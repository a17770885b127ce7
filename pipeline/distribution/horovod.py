"""Data-parallel training with Horovod (Sergeev and Del Balso, arXiv:1802.05799)."""

from typing import Any

from pipeline.distribution.single import Single
from pipeline.keras import keras


class Horovod(Single):
    """Ranks started by `horovodrun`, each with a share of every batch; their gradients are averaged.

    Raises:
        ValueError: If Horovod is not installed, or the ranks are not as many as was said.

    Args:
        ranks: How many processes must be there.
    """

    def __init__(self, ranks: int) -> None:
        try:
            import horovod.tensorflow.keras as hvd
        except ImportError as error:
            raise ValueError("Horovod is not installed; accepted: uv sync --extra horovod") from error
        hvd.init()
        self._hvd = hvd
        self.rank, self.size = hvd.rank(), hvd.size()
        if self.size != ranks:
            raise ValueError(f"{self.size} processes were started, and distribution.ranks says {ranks}")

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on every rank."""
        from horovod.tensorflow import broadcast_object

        return broadcast_object(value, root_rank=0)

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns the model, and an optimizer of the same class that averages gradients over all ranks inside `fit`."""
        return model, self._hvd.DistributedOptimizer(optimizer)

    def begin(self, placed: keras.Model) -> None:
        """Gives every rank the weights and the optimizer state of rank 0."""
        from horovod.tensorflow import broadcast_variables

        broadcast_variables(placed.variables + placed.optimizer.variables, root_rank=0)
