"""Keeps the zeros of a pruned model while it is trained further."""

from typing import Any

from pipeline.compression.weight_form import weight_form
from pipeline.keras import keras, tf

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class KeepSparsity(keras.callbacks.Callback):
    """Sets what was zero back to zero after every step; give it to `fit` among the callbacks.

    A callback and not a constraint, for a constraint would be saved with the model as a class of ours. Layers inside
    the wrappers of TFMOT are left to these.

    Args:
        model: The pruned model, before its training goes on.
    """

    _supports_tf_logs = True  # else Keras reads every metric after every batch

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._masks = []
        self.layers: list[str] = []
        """Names of the layers whose zeros are kept."""
        for layer in model.layers:
            for kernel in (getattr(layer, name, None) for name in KERNELS):
                if isinstance(kernel, tf.Variable) and weight_form(kernel.numpy()).sparse:
                    self._masks.append((kernel, tf.cast(kernel != 0, kernel.dtype)))
                    self.layers.append(layer.name)
        self._apply = tf.function(self._assign)

    def on_train_begin(self, logs: Any = None) -> None:
        """Traces the function before the first step, for Keras complains of a slow callback."""
        self.on_train_batch_end(0, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Sets the zeros."""
        del batch, logs
        if self._masks:
            self._apply()

    def _assign(self) -> None:
        for kernel, mask in self._masks:
            kernel.assign(kernel * mask)
