"""Metrics over the examples of all ranks, in place of each rank's own."""

from typing import Any

from pipeline.keras import keras, tf


class AverageMetrics(keras.callbacks.Callback):
    """Puts the metrics of all ranks' examples in the place of this rank's, in each epoch's logs.

    What Keras's metrics hold are sums, of values and of weights. The sums of all ranks give the metric of all examples,
    so a rank with fewer examples counts less; a mean of the ranks' metrics would not be that. Must stand before
    callbacks that use the logs.
    """

    _supports_tf_logs = True  # else Keras reads every metric after every batch

    def __init__(self) -> None:
        super().__init__()
        self._trained: dict[str, float] = {}
        self._judged: dict[str, float] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Sums up the training's metrics after an epoch's last batch, before validation resets them."""
        del logs
        if batch + 1 == self.params["steps"]:
            self._trained, self._judged = self._of_all(), {}

    def on_test_end(self, logs: Any = None) -> None:
        """Sums up the validation's metrics."""
        del logs
        self._judged = {f"val_{name}": value for name, value in self._of_all().items()}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Replaces the logs' values."""
        del epoch
        logs.update({name: value for name, value in {**self._trained, **self._judged}.items() if name in logs})

    def _of_all(self) -> dict[str, float]:
        import horovod.tensorflow as hvd

        found: dict[str, float] = {}
        for metric in self.model.metrics:
            own = metric.get_weights()
            metric.set_weights([hvd.allreduce(tf.constant(each), op=hvd.Sum).numpy() for each in own])
            found[metric.name] = float(metric.result())
            metric.set_weights(own)
        return found
