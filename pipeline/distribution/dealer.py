"""Deals a stream's batches to the workers of a cluster with TensorFlow's tf.data service, run in this process."""

import contextlib
import ctypes
import functools
import threading
from collections.abc import Iterator
from typing import Any

from pipeline.keras import tf

service = tf.data.experimental.service


class Dealer:
    """Reads a stream here, where its data is, and gives each batch to one worker, the first that asks for it.

    Workers need no copy of the data, and a slow one holds nobody up. To one worker the batches fall in their order.
    After the last one the stream begins again, because those that were given to a worker that is lost since are lost.
    Call `end` before what the workers read with is deleted.

    Args:
        stream: Of batches.
        host: By which the workers reach this process.
    """

    def __init__(self, stream: tf.data.Dataset, host: str) -> None:
        self._address, self._spec = _servers(host), stream.element_spec
        self._over = threading.Event()

        def batches() -> Iterator[Any]:
            while True:
                for batch in stream:
                    if self._over.is_set():
                        return
                    yield batch

        # A generator stays in this process, so what the stream holds in memory is not copied to any other.
        dealt = tf.data.Dataset.from_generator(batches, output_signature=self._spec)
        options = tf.data.Options()
        options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
        self._kept = dealt.with_options(options)  # TensorFlow holds the generator weakly
        self._identity = service.register_dataset(self._address, self._kept, compression=None)

    def take(self) -> tf.data.Dataset:
        """Returns, on any worker, the batches that fall to it."""
        return service.from_dataset_id(
            service.ShardingPolicy.OFF,
            self._address,
            self._identity,
            element_spec=self._spec,
            job_name=f"stream {self._identity}",
        )

    def end(self) -> None:
        """Ends the stream, for workers that wait for a batch too; returns once nothing of it runs in Python any more.

        A worker that deletes its iterator waits for the batch that this has asked for, and TensorFlow waits for the
        worker, when it removes a function, without letting go of the interpreter's lock, which making a batch takes.
        """
        self._over.set()
        with contextlib.suppress(tf.errors.OpError):  # of the stream itself, which a worker has told of
            for _ in self.take():
                pass


@functools.cache
def _servers(host: str) -> str:
    """Starts the two servers of the tf.data service; returns the address of the one that workers ask."""
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=0))
    address = f"{host}:{dispatcher.target.rpartition(':')[2]}"
    reader = service.WorkerServer(service.WorkerConfig(dispatcher_address=address, worker_address=f"{host}:%port%"))
    for server in (dispatcher, reader):
        # Their end waits for threads that run the generators, without letting these have the interpreter's lock.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))
    return address
