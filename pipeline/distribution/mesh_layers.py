"""Keras's layers on a mesh of devices: what DTensor lacks, and in what layout each of them takes its input.

DTensor finds a layout for every tensor by itself, but not always one that it can then compute with: some make
TensorFlow 2.18 abort, and convolutions take whole kernels only. So each layer says what it takes.
"""

from collections import Counter
from typing import Any

import numpy as np

from pipeline.distribution.layout_map import BATCH, MODEL, Split, nodes_of
from pipeline.keras import keras, tf


def lay(tensor: Any, mesh: Any, split: Split) -> Any:
    """Returns a tensor in a layout: for each dimension the axis of the mesh that it is split over, or None."""
    dtensor = tf.experimental.dtensor
    return dtensor.relayout(tensor, dtensor.Layout([axis or dtensor.UNSHARDED for axis in split], mesh))


def whole(tensor: Any, mesh: Any) -> Any:
    """Returns a tensor that every device has all of."""
    return lay(tensor, mesh, (None,) * len(tensor.shape))


def examples_axis(count: int, mesh: Any) -> str | None:
    """Returns the axis that so many examples are shared out over: none where they can't be evenly."""
    return None if count % mesh.dim_size(BATCH) else BATCH


def by_example(tensor: Any, mesh: Any, last: str | None = None) -> Any:
    """Returns a tensor, of shape (batch, ...), whose examples are shared out, and whose last dimension is split."""
    axis = examples_axis(tensor.shape[0], mesh)
    return lay(tensor, mesh, (axis, *[None] * (len(tensor.shape) - 2), last) if len(tensor.shape) > 1 else (axis,))


class Dense(keras.layers.Dense):
    """A dense layer that computes its part of the units, or with its part of the inputs, or all of them."""

    mesh: Any = None
    split: Split = (None, None)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See Keras; inputs are of shape (batch, features)."""
        if self.mesh is None:
            return super().call(inputs)
        by_input, by_unit = (MODEL if self.split == each else None for each in ((MODEL, None), (None, MODEL)))
        kernel = self.kernel.read_value() if by_input or by_unit else whole(self.kernel, self.mesh)
        product = tf.matmul(by_example(inputs, self.mesh, by_input), kernel)
        outputs = by_example(product, self.mesh, by_unit)
        if self.use_bias:
            outputs = outputs + lay(self.bias, self.mesh, (by_unit,))
        if self.activation is keras.activations.softmax:  # needs all units at once
            outputs = by_example(outputs, self.mesh)
        return self.activation(outputs)


class Conv2D(keras.layers.Conv2D):
    """A convolution whose kernel, wherever its parts lie, is put together for each step."""

    mesh: Any = None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See Keras."""
        if self.mesh is None:
            return super().call(inputs)
        outputs = self.convolution_op(by_example(inputs, self.mesh), whole(self.kernel, self.mesh))
        return self.activation(outputs + whole(self.bias, self.mesh) if self.use_bias else outputs)


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over all examples of a batch, on however many devices, of the last dimension."""

    mesh: Any = None

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See Keras, whose kernel for images counts in the moving variance one example less."""
        if self.mesh is None:
            return super().call(inputs, training=training)
        inputs = by_example(inputs, self.mesh)
        mean, variance = self.moving_mean.read_value(), self.moving_variance.read_value()
        if training and self.trainable:
            mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
            count = inputs.shape.num_elements() / inputs.shape[-1]
            unbiased = variance * (count / max(1, count - 1)) if self.fused else variance
            for moving, value in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
                moving.assign_sub((moving.read_value() - whole(value, self.mesh)) * (1 - self.momentum))
        return tf.nn.batch_normalization(inputs, mean, variance, self.beta, self.gamma, self.epsilon)


class Dropout(keras.layers.Dropout):
    """Dropout whose mask every device draws whole, so that it is the one of a training on one device."""

    mesh: Any = None

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See Keras."""
        if self.mesh is None:
            return super().call(inputs, training=training)
        if not training or not self.rate:
            return inputs
        drawn = whole(self._random_generator._generator.uniform(inputs.shape), self.mesh)
        return tf.where(drawn >= self.rate, inputs * (1 / (1 - self.rate)), tf.zeros_like(inputs))


class Normalization(keras.layers.Normalization):
    """Normalization by a mean and a variance that were given."""

    mesh: Any = None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See Keras."""
        if self.mesh is None:
            return super().call(inputs)
        # As constants of the function: tensors from outside would not lie on the mesh.
        mean, deviation = self.mean.numpy(), np.maximum(np.sqrt(self.variance.numpy()), keras.backend.epsilon())
        return (by_example(inputs, self.mesh) - mean) / deviation


def _taking_whole_examples(kind: Any) -> type:
    def call(self: Any, inputs: Any) -> Any:
        if self.mesh is not None:
            inputs = tf.nest.map_structure(lambda each: by_example(each, self.mesh), inputs)
        return kind.call(self, inputs)

    return type(kind.__name__, (kind,), {"mesh": None, "call": call, "__doc__": kind.__doc__})


_FOR_THEMSELVES = (keras.layers.InputLayer, keras.layers.ReLU)
_OWN = (Dense, Conv2D, BatchNormalization, Dropout, Normalization)
_OF_WHOLE_EXAMPLES = (
    keras.layers.Activation, keras.layers.Add, keras.layers.Concatenate, keras.layers.Cropping1D,
    keras.layers.Embedding, keras.layers.Flatten, keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D,
    keras.layers.MaxPooling2D, keras.layers.Multiply, keras.layers.Rescaling, keras.layers.Reshape,
    keras.layers.Softmax, keras.layers.ZeroPadding2D,
)  # fmt: skip
ON_MESH: dict[type, Any] = {
    **{kind: kind for kind in _FOR_THEMSELVES},
    **{kind.__bases__[0]: kind for kind in _OWN},
    **{kind: _taking_whole_examples(kind) for kind in _OF_WHOLE_EXAMPLES},
}
"""For each layer of Keras that a mesh can carry the one that stands for it."""


def check_layers(model: keras.Model) -> None:
    """Refuses a model that can't be put on a mesh.

    Raises:
        ValueError: Naming the layer, and what of it can't be.
    """
    if not getattr(model, "_is_graph_network", False) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(f"model {model.name} can't be put on a mesh; accepted: functional, of one input and output")
    calls = Counter(node.layer.name for node in nodes_of(model))
    for layer in model.layers:
        kind = type(layer).__name__
        if type(layer) not in ON_MESH:
            accepted = ", ".join(each.__name__ for each in ON_MESH)
            raise ValueError(f"layer {layer.name} ({kind}) can't be put on a mesh; accepted: {accepted}")
        if calls[layer.name] > 1:
            raise ValueError(f"layer {layer.name} is used {calls[layer.name]} times; accepted on a mesh: once")
        if (found := _unfit(layer)) is not None:
            raise ValueError(f"layer {layer.name} ({kind}) can't be put on a mesh: {found}")


def _unfit(layer: keras.layers.Layer) -> str | None:
    if layer.compute_dtype != "float32":
        return f"it computes in {layer.compute_dtype}; accepted: float32"
    if isinstance(layer, keras.layers.Dense) and len(layer.input_shape) != 2:
        return f"its input has the shape {layer.input_shape}; accepted: (batch, features)"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return f"data_format={layer.data_format}; accepted: channels_last"
    if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1:
        return f"groups={layer.groups}; accepted: 1"
    if isinstance(layer, keras.layers.Conv2D) and max(layer.dilation_rate) > 1:
        return f"dilation_rate={list(layer.dilation_rate)}; accepted: 1"
    if isinstance(layer, keras.layers.Normalization) and (layer.input_mean is None or layer.invert):
        return "it is adapted or inverted; accepted: mean and variance given"
    if isinstance(layer, keras.layers.BatchNormalization):
        if list(layer.axis) != [len(layer.input_shape) - 1]:
            return f"axis={list(layer.axis)}; accepted: the last"
        if layer.renorm:
            return "renorm=True; accepted: False"
    if isinstance(layer, keras.layers.Dropout) and layer.noise_shape is not None:
        return f"noise_shape={layer.noise_shape}; accepted: null"
    return None
