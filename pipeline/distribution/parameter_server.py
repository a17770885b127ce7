"""Asynchronous data-parallel training with parameter servers (Li et al., OSDI 2014), on TensorFlow's own strategy."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from pipeline.distribution.cluster import Cluster, wait_for_servers
from pipeline.distribution.dealer import Dealer
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf

log = logging.getLogger(__name__)


class ParameterServer(Single):
    """The chief hands out steps; each worker takes the weights from the servers and brings its gradient back to them.

    Workers don't wait for one another: a step of one changes the weights under the others, so with several a training
    is not repeatable, and a gradient may be of weights some steps old. With one worker it is what one process does.
    A worker that is lost is done without; its step is taken by another. A lost server ends the training.

    Make it before the model and everything else that holds variables: what this process made before it joined a cluster
    can't be changed, or even read, afterwards. One made later, of the same cluster, does no harm.

    Args:
        cluster: With this process, the chief, in it; its servers must run, or come up within minutes.
        min_shard_kb: Variables are cut along their first axis into as many parts as there are servers, but no part
            becomes smaller than this, in KiB; None cuts none.

    Raises:
        ValueError: If a server does not come up.
    """

    apart = True

    def __init__(self, cluster: Cluster, min_shard_kb: int | None) -> None:
        wait_for_servers(cluster)
        partitioner = None
        if min_shard_kb is not None:
            partitioner = tf.distribute.experimental.partitioners.MinSizePartitioner(
                min_shard_bytes=min_shard_kb * 1024, max_shards=cluster.count("ps")
            )
        spec = tf.train.ClusterSpec({role: list(addresses) for role, addresses in cluster.addresses.items()})
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            spec, task_type="chief", task_id=0, rpc_layer="grpc"
        )
        self._strategy = tf.distribute.ParameterServerStrategy(resolver, variable_partitioner=partitioner)
        self._host = cluster.host
        self._dealers: list[Dealer] = []

    def place(
        self, model: keras.Model, optimizer: keras.optimizers.Optimizer
    ) -> tuple[keras.Model, keras.optimizers.Optimizer]:
        """Returns copies of the model and the optimizer whose variables lie on the servers.

        Raises:
            ValueError: If the model is no graph of layers.
        """
        if not isinstance(model, keras.Sequential) and not getattr(model, "_is_graph_network", False):
            raise ValueError(f"{model.name} is a subclassed model; accepted: a functional or sequential one")
        with self._strategy.scope():
            placed = keras.models.clone_model(model)
            own = type(optimizer).from_config(optimizer.get_config())
        for weight, parts in _pairs(model, placed):
            edges = np.cumsum([part.shape[0] for part in parts[:-1]]) if len(parts) > 1 else []
            for part, value in zip(parts, np.split(weight.numpy(), edges) if len(parts) > 1 else [weight], strict=True):
                part.assign(value)
        shards = sum(len(parts) for _, parts in _pairs(model, placed))
        log.info("%d variables in %d parts on the parameter servers", len(model.weights), shards)
        return placed, own

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the strategy's scope."""
        return self._strategy.scope()

    def batches(self, make: Callable[[], tf.data.Dataset]) -> Any:
        """Returns what deals the stream's batches to the workers: each batch to one of them, whoever asks first."""
        dealer = Dealer(make(), self._host)
        self._dealers.append(dealer)
        return keras.utils.experimental.DatasetCreator(lambda context: dealer.take())

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns what ends the streams while the workers still have what they read them with."""
        return [_AtTheEnd(self._end_streams)]

    def attempt(self, placed: keras.Model, history: list[dict[str, float]], train: Callable[[], None]) -> None:
        """Calls what trains, and ends the streams where it fails."""
        try:
            super().attempt(placed, history, train)
        finally:
            self._end_streams()

    def _end_streams(self) -> None:
        while self._dealers:
            self._dealers.pop().end()

    def copy(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives the model the weights that are on the servers."""
        for weight, parts in _pairs(model, placed):
            values = [part.numpy() for part in parts]
            weight.assign(np.concatenate(values) if len(parts) > 1 else values[0])

    def caveats(self) -> list[str]:
        """Returns that costs are incomplete."""
        return ["what workers and parameter servers spent is not in the cost: it is the chief's alone"]

    def finish(self, placed: keras.Model, model: keras.Model) -> None:
        """Gives the model its weights back, and the optimizer, whose variables stay on the servers."""
        self.copy(placed, model)
        model.optimizer = placed.optimizer


class _AtTheEnd(keras.callbacks.Callback):
    _supports_tf_logs = True  # Keras refuses others here

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def on_train_end(self, logs: Any = None) -> None:
        del logs
        self._call()


def _pairs(model: keras.Model, placed: keras.Model) -> Iterator[tuple[tf.Variable, list[tf.Variable]]]:
    """Yields each weight of a model with the parts, in order, that it was cut into on the servers."""
    parts = iter(placed.weights)
    for weight in model.weights:
        found = [next(parts)]
        while found[0].shape.rank and sum(part.shape[0] for part in found) < weight.shape[0]:
            found.append(next(parts))
        yield weight, found
