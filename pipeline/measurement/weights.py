"""The kernels of an exported model: their zeros, and how their other weights are spread."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.measurement.flatbuffer import load_model, operator_name
from pipeline.measurement.parameters import Weight, elements, nonzero, stored, weight_tensors

BINS = 60
"""Of a model's histograms."""

_UNPACKING = ("DEQUANTIZE", "DENSIFY")
_COMPUTING = ("Conv", "MatMul", "BiasAdd", "depthwise", "separable", "Tensordot", "conv")


def weight_statistics(path: Path) -> dict[str, Any]:
    """Describes every kernel of a `.tflite` file: the weights that `count_parameters` counts, of rank 2 or more.

    Args:
        path: The exported model.

    Returns:
        `layers`, in the order in which they compute: each with its `name` (the Keras layer's, where the
        file tells it), `operator`, `shape`, `parameters`, `nonzero`, and the `counts` of its weights other than zero,
        in the real numbers that they stand for, in bins of one width from `low` to `high`, which are the same for all
        layers; weights that are not finite are in no bin.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a complete TFLite model.
    """
    model = load_model(path)
    places = {id(operator): place for graph in model.subgraphs for place, operator in enumerate(graph.operators or [])}
    kernels = [weight for weight in weight_tensors(model) if len(weight.tensor.shape) > 1]
    # Half-precision weights are unpacked at the start of the file, in no particular order.
    kernels.sort(key=lambda weight: places[id(_reader(model, weight))])
    spread = [_finite(_real(weight.tensor, model.buffers[weight.tensor.buffer].data)) for weight in kernels]
    limit = max((float(np.abs(values).max(initial=0)) for values in spread), default=0.0) or 1.0
    layers = []
    names: list[str] = []
    for weight, values in zip(kernels, spread, strict=True):
        operator = operator_name(model, _reader(model, weight))
        names.append(_unused(_layer_name(model, weight) or operator.lower(), names))
        layers.append(
            {
                "name": names[-1],
                "operator": operator,
                "shape": [int(size) for size in weight.tensor.shape],
                "parameters": elements(weight.tensor),
                "nonzero": nonzero(weight.tensor, model.buffers[weight.tensor.buffer].data),
                "counts": np.histogram(values[values != 0], BINS, (-limit, limit))[0].tolist(),
            }
        )
    return {"low": -limit, "high": limit, "layers": layers}


def _real(tensor: Any, data: np.ndarray) -> np.ndarray:
    """Returns what a tensor's stored numbers stand for: scale * (q - zero_point), of each channel where it has several.

    Source: the TFLite 8-bit quantization specification.
    """
    values = stored(tensor, data).astype(np.float32)
    scales = getattr(tensor.quantization, "scale", None)
    if scales is None or len(scales) == 0:
        return values
    scales = np.asarray(scales, np.float32)
    zeros = getattr(tensor.quantization, "zeroPoint", None)
    zeros = np.zeros(1, np.float32) if zeros is None or len(zeros) == 0 else np.asarray(zeros, np.float32)
    if len(scales) > 1 and tensor.sparsity is None:
        values = np.moveaxis(values, tensor.quantization.quantizedDimension, -1)
    elif len(scales) > 1:
        raise ValueError(f"sparse tensor {tensor.name!r} has several scales: one for all channels is accepted")
    return (values - zeros) * scales


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _reader(model: Any, weight: Weight) -> Any:
    """Returns the operator that computes with a weight, past one that only unpacks it."""
    operator = weight.operator
    while operator_name(model, operator) in _UNPACKING:
        given = operator.outputs[0]
        following = [each for each in weight.graph.operators if each.inputs is not None and given in each.inputs]
        if not following:
            break
        operator = following[0]
    return operator


def _layer_name(model: Any, weight: Weight) -> str:
    """Returns the Keras layer's name, which the converter leaves in those of tensors as model/layer/operation."""
    result = weight.graph.tensors[_reader(model, weight).outputs[0]]
    for name in (weight.tensor.name, result.name):
        text = name.decode() if isinstance(name, bytes) else str(name)
        paths = [path.split("/") for path in text.split(";") if path.count("/") >= 2]
        paths = [path for path in paths if path[-1].startswith(_COMPUTING)] or paths
        if paths:
            return "/".join(paths[0][1:-1])
    return ""


def _unused(name: str, names: list[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name} ({number})") in names:
        number += 1
    return found
