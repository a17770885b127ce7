"""Which channels of a model are tied together, so that they are kept or removed as one.

Each channel of each layer's output, the last axis, gets a number. A layer that keeps channels apart hands its input's
numbers on; one that mixes them gives new ones; one that adds two branches makes their numbers equal. In a residual
network, channel 3 of every branch that ends in one sum so has one number.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.compression.channel_rules import MIXING, RULES, Numbering, unknown
from pipeline.compression.flat import require_flat
from pipeline.keras import keras, tf

FILTERING = (*MIXING, keras.layers.DepthwiseConv2D)
"""Layers that have a filter for each output channel."""


@dataclass(frozen=True, eq=False)
class Channels:
    """The numbers of a model's channels.

    Attributes:
        inputs: Those of each layer's (first) input, by the layer's name.
        outputs: Those of its output.
        fixed: For each number, whether it must stay: it is a channel of the model's input or output, or made by a layer
            that has no rule here.
        barriers: For a number that can't be removed because of a layer that it passes through: that layer and why.
    """

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    fixed: np.ndarray
    barriers: dict[int, str]


@dataclass(frozen=True, eq=False)
class TiedLayers:
    """Layers whose filters are removed together.

    Attributes:
        names: The layers, in the model's order.
        numbers: The numbers of the channels that exactly these layers share.
        barrier: Why none of them can be removed, if so.
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    barrier: str | None


def trace(model: keras.Model) -> Channels:
    """Numbers the channels of a model.

    Args:
        model: A functional or sequential model.

    Raises:
        ValueError: If the model is subclassed, not built, or nested.
    """
    _require_flat(model)
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    uses = Counter(node.layer.name for node in nodes)
    numbering = Numbering()
    tensors: dict[str, np.ndarray] = {}
    inputs: dict[str, np.ndarray] = {}
    outputs: dict[str, np.ndarray] = {}
    for node in nodes:
        given = [tensors[key] for key in node.flat_input_ids]
        made = _followed(node, given, numbering, shared=uses[node.layer.name] > 1)
        tensors.update(zip(node.flat_output_ids, made, strict=True))
        outputs[node.layer.name] = made[0]
        if given:
            inputs[node.layer.name] = given[0]
    numbering.fixed += [tensors[key] for key in _feeding_the_output(model, nodes)]
    merged = numbering.merged()
    fixed = np.zeros(merged.max() + 1, bool)
    fixed[merged[np.concatenate(numbering.fixed)]] = True
    barriers = {int(merged[number]): why for number, why in reversed(numbering.barriers.items())}
    return Channels(
        {name: merged[numbers] for name, numbers in inputs.items()},
        {name: merged[numbers] for name, numbers in outputs.items()},
        fixed,
        barriers,
    )


def tied_layers(model: keras.Model, channels: Channels) -> list[TiedLayers]:
    """Returns the layers whose filters can be removed, each with those that it is tied to, in the model's order."""
    owners: dict[int, list[str]] = {}
    for layer in filtering_layers(model):
        for number in np.unique(channels.outputs[layer.name]):
            if not channels.fixed[number]:
                owners.setdefault(int(number), []).append(layer.name)
    sets: dict[tuple[str, ...], list[int]] = {}
    for number, names in owners.items():
        sets.setdefault(tuple(names), []).append(number)
    barriers = channels.barriers
    return [
        TiedLayers(names, np.array(numbers), next((barriers[each] for each in numbers if each in barriers), None))
        for names, numbers in sets.items()
    ]


def filtering_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that have a filter for each output channel, in the model's order."""
    return [layer for layer in model.layers if type(layer) in FILTERING]


def _require_flat(model: keras.Model) -> None:
    require_flat(model, "channel pruning")
    if not model._is_graph_network:  # a Sequential without an Input
        raise ValueError(f"{model.name}: has no input yet; accepted: a model built with an Input")


def _feeding_the_output(model: keras.Model, nodes: Sequence[Any]) -> Iterator[str]:
    """Yields the tensors from which the output is computed without a layer of weights that mixes channels between."""
    makers = {key: node for node in nodes for key in node.flat_output_ids}
    todo, seen = [str(id(tensor)) for tensor in tf.nest.flatten(model.outputs)], set()
    while todo:
        if (key := todo.pop()) in seen:
            continue
        seen.add(key)
        yield key
        layer = makers[key].layer
        if not layer.weights or (type(layer) in RULES and type(layer) not in MIXING):
            todo += makers[key].flat_input_ids


def _followed(node: Any, given: list[np.ndarray], numbering: Numbering, *, shared: bool) -> list[np.ndarray]:
    """Returns the numbers of a layer's outputs; if it has no rule, its inputs' are blocked and its outputs' fixed."""
    layer = node.layer
    if layer.weights and shared:
        made: np.ndarray | str = "is used more than once"
    elif getattr(layer, "data_format", "channels_last") != "channels_last":
        made = "has its channels first"
    else:
        made = RULES.get(type(layer), unknown)(node, given, numbering)
    if not isinstance(made, str):
        return [made]
    for numbers in given:
        numbering.block(numbers, f"{layer.name} {made}")
    shapes = [tensor.shape for tensor in tf.nest.flatten(node.outputs)]
    fixed = [numbering.fresh(shape[-1] or 0 if len(shape) else 0) for shape in shapes]
    numbering.fixed += fixed
    return fixed
