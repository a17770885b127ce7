"""Which layers of a model quantization-aware training rounds to 8 bits, which stay in float32, and what it refuses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compression.flat import require_flat
from pipeline.compression.float_layers import RAW, raw_layers
from pipeline.compression.tfmot import Default8BitQuantizeRegistry
from pipeline.keras import keras

layers = keras.layers
ACTIVATIONS = ("linear", "relu", "swish", "gelu", "softmax", "sigmoid", "tanh")
KERNELS = (layers.Dense, layers.Conv2D, layers.DepthwiseConv2D)


@dataclass(frozen=True)
class Plan:
    """What becomes of each layer.

    Attributes:
        rounded: Names of those that TFMOT rounds: kernels, activations, results.
        ends: Of those that stay in float32 and whose result is rounded for a layer behind them.
        floats: Of the others, all in float32.
        quantize_input: Whether the model's input is rounded.
    """

    rounded: tuple[str, ...]
    ends: tuple[str, ...]
    floats: tuple[str, ...]
    quantize_input: bool


def quantizable_layers(model: keras.Model, exclude: Sequence[str] = (), input_type: str = "float32") -> Plan:
    """Returns what quantization-aware training does with each layer of a model.

    Raw numbers and codes don't fit into 8 bits: layers that normalize or look them up stay in float32, as all before
    them. So do layers without weights, and batch normalizations, that work on results in float32 alone.

    Args:
        model: A functional or sequential model, built, whose layers no other model uses.
        exclude: Names of layers to leave in float32.
        input_type: The type that the file's input and output are to have.

    Raises:
        ValueError: If TFMOT can't take the model, naming the layer; or nothing is left to quantize; or an end that is
            to be an integer stays in float32.
    """
    _check_model(model, exclude)
    takers, raw = raw_layers(model)
    if takers and input_type != "float32":
        raise ValueError(f"input_type={input_type}: {takers[0]} takes raw features; accepted: float32")
    before = {layer.name: _before(layer) for layer in model.layers}
    behind = {name: [each for each in model.layers if name in _names(before[each.name])] for name in before}
    floats: list[str] = []
    rounded: list[str] = []
    scales: list[keras.layers.Rescaling] = []
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        sources = before[layer.name]
        follows = bool(sources) and all(source.name in floats for source in sources)
        idle = isinstance(layer, layers.BatchNormalization) or not layer.weights
        if layer.name in (*exclude, *raw) or isinstance(layer, RAW) or (follows and idle):
            floats.append(layer.name)
        elif isinstance(layer, layers.Rescaling):
            scales.append(layer)
        else:
            _check_layer(layer, sources, behind)
            rounded.append(layer.name)
    if not any(isinstance(model.get_layer(name), KERNELS) for name in rounded):
        raise ValueError(f"{model.name}: no layer to quantize; accepted: Dense and convolutions that are not excluded")
    _check_ends(model, floats, input_type)
    # Behind the last layer a scale is better in float32, unless the result must be an integer.
    floats += [layer.name for layer in scales if not behind[layer.name] and input_type == "float32"]
    ends = [layer.name for layer in scales if layer.name not in floats]
    ends += [name for name in floats if any(each.name in (*rounded, *ends) for each in behind[name])]
    shifted = any(_is_first(layer) and np.any(layer.offset) for layer in scales)
    return Plan(
        rounded=tuple(rounded),
        ends=tuple(ends),
        floats=tuple(name for name in floats if name not in ends),
        # The converter has a product in 8 bits, but not the sum behind it.
        quantize_input=not raw and not (shifted and input_type == "float32"),
    )


def _check_ends(model: keras.Model, floats: list[str], input_type: str) -> None:
    outputs = {tensor._keras_history.layer.name for tensor in model.outputs}
    for layer in model.layers:
        if input_type != "float32" and layer.name in floats and (layer.name in outputs or _is_first(layer)):
            raise ValueError(f"input_type={input_type}: {layer.name} stays in float32; accepted: float32")


def _check_model(model: keras.Model, exclude: Sequence[str]) -> None:
    require_flat(model, _what())
    names = [layer.name for layer in model.layers]
    for name in exclude:
        if name not in names:
            raise ValueError(f"exclude names {name}, which is no layer; accepted: {', '.join(names)}")
    for tensor in model.inputs:
        if not tensor.dtype.is_floating:
            raise ValueError(f"{tensor.name}: {_what()} takes no input of {tensor.dtype.name}; accepted: float32")
    for layer in model.layers:
        if len(layer.inbound_nodes) > 1:
            raise ValueError(
                f"{layer.name}: {_what()} takes a layer that is used once, not {len(layer.inbound_nodes)} times; "
                "accepted: a layer for each use"
            )
        if layer.compute_dtype != "float32":
            raise ValueError(f"{layer.name}: {_what()} does not take {layer.compute_dtype}; accepted: float32")


def _check_layer(
    layer: keras.layers.Layer, sources: list[keras.layers.Layer], behind: dict[str, list[keras.layers.Layer]]
) -> None:
    if isinstance(layer, layers.BatchNormalization):
        kernels = [source for source in sources if type(source) in KERNELS and len(behind[source.name]) == 1]
        if not any(kernel.activation is keras.activations.linear for kernel in kernels):
            raise ValueError(
                f"{layer.name}: {_what()} takes BatchNormalization only directly behind a convolution or Dense without "
                "activation; accepted: its name in exclude, which leaves it in float32"
            )
        return
    if not Default8BitQuantizeRegistry().supports(layer):
        raise ValueError(
            f"{layer.name}: {_what()} takes no {type(layer).__name__}; accepted: its name in exclude, which leaves it "
            "in float32"
        )
    activation = getattr(layer, "activation", None)
    if activation is not None and getattr(activation, "__name__", "") not in ACTIVATIONS:
        raise ValueError(
            f"{layer.name}: {_what()} does not take the activation {getattr(activation, '__name__', activation)}; "
            f"accepted: {', '.join(ACTIVATIONS)}, or its name in exclude"
        )


def _before(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    return [source for node in layer.inbound_nodes for source, *_ in node.iterate_inbound()]


def _is_first(layer: keras.layers.Layer) -> bool:
    return any(isinstance(source, layers.InputLayer) for source in _before(layer))


def _names(sources: list[keras.layers.Layer]) -> set[str]:
    return {source.name for source in sources}


def _what() -> str:
    return "quantization-aware training"
