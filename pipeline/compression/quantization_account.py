"""What quantization did to each layer, read from the file: how its weights are stored, and how much noise it added."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.compression.float_layers import operation_names, owners, undelegated
from pipeline.keras import keras

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "GATHER")
"""Operations that have weights, in the names of TFLite's schema."""


@dataclass(frozen=True)
class LayerNoise:
    """How a layer fared.

    Attributes:
        layer: Its name in the Keras model; of its operation's result where it has none there.
        weights: The type that its weights are stored in.
        results: The type of what it gives on.
        sqnr: Signal to quantization noise of what it gives on, in dB: 10 lg(Σx² / Σ(x - x̂)²), where x is what the
            float32 file computes and x̂ what the quantized one does, with the noise of all layers before it.
        why_float: Why its weights stayed in float32; "" where they did not.
    """

    layer: str
    weights: str
    results: str
    sqnr: float
    why_float: str


def account(
    model: keras.Model, floating: bytes, quantized: bytes, examples: np.ndarray, *, excluded: Sequence[str] = ()
) -> list[LayerNoise]:
    """Returns how each layer with weights fared, in the order in which they are computed.

    Args:
        model: What both files came from.
        floating: Its float32 TFLite file.
        quantized: Its quantized one.
        examples: Real ones, of shape (examples, ...).
        excluded: Layers that were to stay in float32.

    Raises:
        ValueError: If the files do not have the same layers.
    """
    layers = [layer.name for layer in model.layers if layer.weights]
    before, after = undelegated(floating), undelegated(quantized)
    pairs = list(zip(_weighted(before), _weighted(after), strict=False))
    if len(pairs) != len(list(_weighted(before))) or len(pairs) != len(list(_weighted(after))):
        raise ValueError("the two files do not have the same layers; accepted: two files of one model")
    signal, noise = np.zeros(len(pairs)), np.zeros(len(pairs))
    for example in examples:
        _run(before, example)
        _run(after, example)
        for place, (one, other) in enumerate(pairs):
            exact = _real(before, one["outputs"][0])
            signal[place] += np.square(exact).sum()
            noise[place] += np.square(exact - _real(after, other["outputs"][0])).sum()
    tensors = {int(each["index"]): each["name"] for each in before.get_tensor_details()}
    found = []
    for place, (one, other) in enumerate(pairs):
        names = operation_names(one, tensors)
        layer = next((each for each in owners(model, names) if each in layers), names[0])
        weights, results = _stored(after, other), _type(after, other["outputs"][0])
        sqnr = 10 * math.log10(signal[place] / noise[place]) if signal[place] and noise[place] else math.inf
        found.append(LayerNoise(layer, weights, results, sqnr, _why(weights, layer, excluded)))
    return found


def _weighted(made: Any) -> Iterator[Any]:
    return (each for each in made._get_ops_details() if each["op_name"] in WEIGHTED)


def _run(made: Any, example: np.ndarray) -> None:
    (given,) = made.get_input_details()
    scale, zero = given["quantization"]
    values = example[np.newaxis].astype(np.float32)
    if given["dtype"] != np.float32:
        limits = np.iinfo(given["dtype"])
        values = np.clip(np.round(values / scale + zero), limits.min, limits.max)
    made.set_tensor(given["index"], values.astype(given["dtype"]))
    made.invoke()


def _real(made: Any, index: int) -> np.ndarray:
    values = made.get_tensor(index).astype(np.float64)
    scale, zero = made._get_tensor_details(index, 0)["quantization"]
    return (values - zero) * scale if scale else values


def _type(made: Any, index: int) -> str:
    return np.dtype(made._get_tensor_details(index, 0)["dtype"]).name


def _stored(made: Any, operation: Any) -> str:
    """Returns the stored type of an operation's weights, looking behind a widening to float32."""
    index = operation["inputs"][0 if operation["op_name"] == "GATHER" else 1]
    for each in made._get_ops_details():
        if each["op_name"] == "DEQUANTIZE" and index in each["outputs"]:
            index = each["inputs"][0]
    return _type(made, index)


def _why(weights: str, layer: str, excluded: Sequence[str]) -> str:
    if weights != "float32":
        return ""
    return "excluded" if layer in excluded else "the converter leaves it: raw features, or fewer than 1,024 weights"
