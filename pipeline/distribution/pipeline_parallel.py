"""Pipeline parallelism: a model cut into stages, each in a process of its own (Huang et al., arXiv:1811.06965)."""

import logging
from collections.abc import Sequence

from pipeline.distribution.cluster import Cluster, wait_for_servers
from pipeline.distribution.pipeline_memory import activations
from pipeline.distribution.pipeline_model import Pipelined, Plan
from pipeline.distribution.pipeline_schedule import order
from pipeline.distribution.pipeline_split import split
from pipeline.distribution.pipeline_stage import PlacedStage
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf

HERE = "/job:localhost/replica:0/task:0/device:CPU:0"
"""This process's device, which keeps its name, and what lies on it, when a cluster is joined."""

log = logging.getLogger(__name__)


def connect(cluster: Cluster) -> list[str]:
    """Joins the workers of a cluster and returns the devices of all its processes, this one's, the chief's, first.

    What lies on this process's device stays there: it keeps the name that it has outside of a cluster.

    Raises:
        ValueError: If a worker does not answer.
    """
    workers = cluster.addresses["worker"]
    devices = [f"/job:worker/replica:0/task:{number}/device:CPU:0" for number in range(len(workers))]
    if not {each.name for each in tf.config.list_logical_devices("CPU")} >= set(devices):
        wait_for_servers(cluster)
        spec = tf.train.ClusterSpec({"localhost": list(cluster.addresses["chief"]), "worker": list(workers)})
        try:
            tf.config.experimental_connect_to_cluster(spec, job_name="localhost", task_index=0, protocol="grpc")
        except tf.errors.OpError as error:
            raise ValueError(f"the workers can't be joined: {' '.join(error.message.split())}") from error
    return [HERE, *devices]


class PipelineParallel(Single):
    """One process runs the training and computes the first stage; the devices of others compute the other stages.

    Every batch is cut into micro-batches, so that a stage works on one while the next stage works on the one before.
    Their gradients, weighed by their examples, are those of the whole batch, and there is one update a batch. Batch
    normalization takes its statistics of each micro-batch, as in the paper, and updates its moving averages once for
    each. Weights and optimizer state lie on the device of their stage.

    Args:
        devices: One for each stage, the first of this process.
        micro_batches: How many a batch is cut into.
        schedule: As in `order`.
        recompute: Whether only the inputs of a stage are held for the backward pass, which computes the rest again.
        cuts: As in `split`.
    """

    remote = True

    def __init__(
        self,
        devices: Sequence[str],
        micro_batches: int,
        *,
        schedule: str = "gpipe",
        recompute: bool = False,
        cuts: Sequence[str] | None = None,
    ) -> None:
        self._devices = list(devices)
        self._micro_batches, self._recompute, self._cuts = micro_batches, recompute, cuts
        self.tasks = order(schedule, len(devices), micro_batches)

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns a copy of the model with each layer's variables on the device of its stage, and the optimizer.

        Raises:
            ValueError: If the model can't be cut.
        """
        parts = split(model, len(self._devices), self._cuts)
        where = {layer: device for part, device in zip(parts, self._devices, strict=True) for layer in part.layers}
        copy = keras.models.clone_model(model, clone_function=lambda layer: _copy(layer, where[layer.name]))
        self.stages = [PlacedStage(part, copy, device) for part, device in zip(parts, self._devices, strict=True)]
        total = sum(part.cost for part in parts)
        for number, (part, device) in enumerate(zip(parts, self._devices, strict=True)):
            log.info(
                "stage %d on %s: %s to %s, %d layers, %.0f %% of the multiply-adds, sends %d bytes an example",
                number,
                device,
                part.layers[0],
                part.layers[-1],
                len(part.layers),
                100 * part.cost / total,
                part.sent,
            )
        return Pipelined(copy, Plan(self.stages, self.tasks, self._micro_batches, self._recompute)), optimizer

    def finish(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives the model the weights and the optimizer of its copy."""
        for layer in model.layers:
            layer.set_weights(placed.get_layer(layer.name).get_weights())
        model.optimizer = placed.optimizer

    def caveats(self) -> list[str]:
        """Returns that costs are incomplete, if others compute stages."""
        others = set(self._devices) - {HERE}
        return ["what the other stages' processes spent is not in the cost: it is the chief's alone"] if others else []

    def memory(self, batch_size: int) -> dict[str, int]:
        """Returns the bytes of activations that each stage holds at most."""
        examples = -(-batch_size // self._micro_batches)
        return {
            f"stage {number} activations": activations(stage, number, self.tasks, examples, recompute=self._recompute)
            for number, stage in enumerate(self.stages)
        }


def _copy(layer: keras.layers.Layer, device: str) -> keras.layers.Layer:
    """Returns a layer with the same settings and weights on a device."""
    with tf.device(device), tf.name_scope(layer.name):
        copy = layer.__class__.from_config(layer.get_config())
        copy.build(layer.input_shape)
        copy.set_weights(layer.get_weights())
    return copy
