"""How many weights an exported model ships, and how many of them are not zero."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.measurement.flatbuffer import load_model, operator_name, type_name

_DTYPES = {
    "FLOAT64": "<f8",
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "INT64": "<i8",
    "INT32": "<i4",
    "INT16": "<i2",
    "INT8": "i1",
    "UINT8": "u1",
}
_PACKED_BITS = {"INT4": 4, "INT2": 2}
_WEIGHT_TYPES = {"FLOAT64", "FLOAT32", "FLOAT16", "INT16", "INT8", "UINT8", *_PACKED_BITS}
_BIAS_TYPES = {"INT32", "INT64"}
# An integer constant is a shape, an axis or an index anywhere but at these input positions of quantized operators.
_BIAS_INPUTS = {
    "CONV_2D": (2,),
    "DEPTHWISE_CONV_2D": (2,),
    "FULLY_CONNECTED": (2,),
    "CONV_3D": (2,),
    "TRANSPOSE_CONV": (3,),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (12, 13, 14, 15),
}


def count_parameters(path: Path) -> dict[str, int]:
    """Counts the weights stored in a `.tflite` file.

    A weight is an element of a constant tensor that an operator reads: any float or 8-, 16- or sub-byte integer
    tensor of rank 1 or more, and the int32 or int64 bias of a quantized layer. Scalars (rank 0) are constants of a
    formula, such as an epsilon, and do not count; neither do shapes, axes, indices and sparsity metadata.

    The converter changes what Keras counted: it folds BatchNormalization into the layer before, drops the all-zero
    bias of a Dense layer, gives a bias-free convolution a zero bias, and stores equal constants once (each buffer
    counts once here too).

    Args:
        path: The exported model.

    Returns:
        `parameters`, dense elements even where the file stores them sparsely, and `nonzero_parameters`, those that
        differ from their tensor's zero (0, or the quantization zero point).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a complete TFLite model.
    """
    model = load_model(path)
    tensors = [weight.tensor for weight in weight_tensors(model)]
    return {
        "parameters": sum(elements(tensor) for tensor in tensors),
        "nonzero_parameters": sum(nonzero(tensor, model.buffers[tensor.buffer].data) for tensor in tensors),
    }


class Weight(NamedTuple):
    """A constant tensor, and the graph and the operator that read it first."""

    tensor: Any
    graph: Any
    operator: Any


def weight_tensors(model: Any) -> list[Weight]:
    """Lists the weights of a model, as `load_model` of `flatbuffer` returns it, one for each buffer."""
    by_buffer: dict[int, Weight] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            biases = _BIAS_INPUTS.get(operator_name(model, operator), ())
            for position, index in enumerate(operator.inputs if operator.inputs is not None else []):
                if index >= 0 and _is_weight(model, graph.tensors[index], position in biases):
                    tensor = graph.tensors[index]
                    by_buffer.setdefault(tensor.buffer, Weight(tensor, graph, operator))
    return list(by_buffer.values())


def _is_weight(model: Any, tensor: Any, is_bias: bool) -> bool:
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0 or tensor.shape is None or len(tensor.shape) == 0:
        return False
    kind = type_name(tensor)
    return kind in _WEIGHT_TYPES or (is_bias and kind in _BIAS_TYPES)


def elements(tensor: Any) -> int:
    """Counts a tensor's elements, those that are not stored included."""
    return math.prod(int(size) for size in tensor.shape)


def nonzero(tensor: Any, data: np.ndarray) -> int:
    """Counts the elements that differ from their tensor's zero.

    Raises:
        ValueError: If the tensor is stored sparsely and has several zero points.
    """
    values = stored(tensor, data)
    zero_points = getattr(tensor.quantization, "zeroPoint", None)
    zeros = np.zeros(1, np.int64) if zero_points is None or len(zero_points) == 0 else np.asarray(zero_points)
    if len(np.unique(zeros)) == 1:
        return int(np.count_nonzero(values != zeros[0]))
    if tensor.sparsity is not None:
        raise ValueError(f"sparse tensor {tensor.name!r} has several zero points: one for all channels is accepted")
    return int(np.count_nonzero(np.moveaxis(values, tensor.quantization.quantizedDimension, -1) != zeros))


def stored(tensor: Any, data: np.ndarray) -> np.ndarray:
    """Returns the numbers that a tensor stores, in its shape; of a sparse one those that it has, in a row."""
    values = _values(type_name(tensor), data)
    if tensor.sparsity is not None:
        return values
    # The last byte of a sub-byte tensor may hold padding.
    return values[: elements(tensor)].reshape(tensor.shape)


def _values(kind: str, data: np.ndarray) -> np.ndarray:
    """Reads a buffer's bytes as numbers; sub-byte types are packed low bits first."""
    if kind not in _PACKED_BITS:
        return data.view(_DTYPES[kind])
    bits = _PACKED_BITS[kind]
    fields = (data[:, None].astype(np.int16) >> np.arange(0, 8, bits)) & ((1 << bits) - 1)
    return (fields - ((fields >> (bits - 1)) << bits)).reshape(-1)
