"""What a layer computes and gives, counted from shapes."""

import math
from typing import Any

from pipeline.keras import keras

LAYERS = keras.layers
TRANSPOSED = (LAYERS.Conv1DTranspose, LAYERS.Conv2DTranspose, LAYERS.Conv3DTranspose)


def multiply_adds(node: Any) -> int:
    """Returns the multiply-adds of one example in the forward pass of a layer; the backward pass takes twice as many.

    A kernel (any weight of two axes and more) counts its size at each place where it is applied: the places of the
    output, of a transposed convolution those of the input, the steps of a recurrent layer. Beside that each value that
    a layer gives counts 1.

    Args:
        node: The layer's call in a functional model, tensors with channels last.
    """
    layer = node.layer
    first, outputs = node.keras_inputs[0].shape, node.outputs
    given = outputs if isinstance(outputs, list | tuple) else [outputs]
    values = sum(_values(each.shape) for each in given)
    if isinstance(layer, LAYERS.Embedding):
        return values
    placed = first if isinstance(layer, TRANSPOSED) else given[0].shape
    places = _values(first[:2]) if isinstance(layer, LAYERS.RNN) else _values(placed[:-1])
    return places * sum(math.prod(weight.shape) for weight in layer.weights if weight.shape.rank > 1) + values


def bytes_each(tensor: Any) -> int:
    """Returns the bytes of one example of a symbolic tensor; sizes that are open count 1."""
    return _values(tensor.shape) * tensor.dtype.size


def _values(shape: Any) -> int:
    return math.prod(size or 1 for size in tuple(shape)[1:])
