"""Data-parallel training with Horovod (Sergeev and Del Balso, arXiv:1802.05799)."""

import os
from collections.abc import Mapping
from typing import Any

from pipeline.distribution.averaged_metrics import AverageMetrics
from pipeline.distribution.single import Single
from pipeline.distribution.stall_watch import StallWatch
from pipeline.distribution.sync_batch_norm import with_sync_batch_norm
from pipeline.keras import keras


class Horovod(Single):
    """Ranks started by a launcher, each with a share of every batch; their gradients are averaged.

    Args:
        ranks: How many processes must be there; None: as many as there are.
        compression: "none", or "fp16": gradients travel in 16 bits.
        reduce: "average", or "adasum" (arXiv:2006.02924), which an MPI or NCCL build of Horovod alone has.
        backward_passes_per_step: Batches whose gradients are summed up before they travel.
        groups: How many groups of gradients are reduced as one each; 0 lets Horovod fuse what is ready.
        sync_batch_norm: Whether batch normalization takes its statistics over all ranks.
        stall_seconds: Without a finished step, before rank 0 says which rank is where.
        environment: Horovod's own settings, such as HOROVOD_FUSION_THRESHOLD, read when its first engine starts.

    Raises:
        ValueError: If Horovod is not installed or can't do what is asked for, or the ranks are not as many as was said.
    """

    def __init__(
        self,
        ranks: int | None,
        *,
        compression: str = "none",
        reduce: str = "average",
        backward_passes_per_step: int = 1,
        groups: int = 0,
        sync_batch_norm: bool = False,
        stall_seconds: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        try:
            import horovod.tensorflow.keras as hvd
        except ImportError as error:
            raise ValueError("Horovod is not installed; accepted: uv sync --extra horovod") from error
        if not hvd.is_initialized():
            os.environ.update(environment or {})
        elif differing := [name for name, value in (environment or {}).items() if os.environ.get(name) != value]:
            raise ValueError(f"{differing[0]} was set when an earlier stage started Horovod; accepted: one for a run")
        hvd.init()
        self._hvd = hvd
        self.rank, self.size = hvd.rank(), hvd.size()
        if ranks is not None and self.size != ranks:
            raise ValueError(f"{self.size} processes were started, and distribution.ranks says {ranks}")
        if reduce == "adasum" and not (hvd.mpi_built() or hvd.nccl_built()):
            raise ValueError("reduce=adasum needs a build of Horovod with MPI or NCCL; accepted: average")
        self._sync_batch_norm, self._stall_seconds = sync_batch_norm, stall_seconds
        self._options = {
            "compression": hvd.Compression.fp16 if compression == "fp16" else hvd.Compression.none,
            "op": hvd.Adasum if reduce == "adasum" else hvd.Average,
            "backward_passes_per_step": backward_passes_per_step,
            "average_aggregated_gradients": backward_passes_per_step > 1,
            "num_groups": groups,
        }

    def share(self, value: Any) -> Any:
        """Returns rank 0's value on every rank."""
        from horovod.tensorflow import broadcast_object

        return broadcast_object(value, root_rank=0)

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns the model, and an optimizer of the same class that averages gradients over all ranks inside `fit`."""
        placed = with_sync_batch_norm(model) if self._sync_batch_norm else model
        return placed, self._hvd.DistributedOptimizer(optimizer, **self._options)

    def begin(self, placed: keras.Model) -> None:
        """Gives every rank the weights and the optimizer state of rank 0."""
        from horovod.tensorflow import broadcast_variables

        broadcast_variables(placed.variables + placed.optimizer.variables, root_rank=0)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns those that make all ranks' metrics those of all examples, and name a rank that hangs."""
        return [StallWatch(self.rank, self.size, self._stall_seconds), AverageMetrics()]

    def finish(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives a model the weights and the optimizer of the one with synchronized statistics."""
        if placed is not model:
            model.set_weights(placed.get_weights())
            model.optimizer = placed.optimizer
