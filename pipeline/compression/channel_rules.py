"""What each type of layer does with the channels that it is given: keeps them apart, mixes them, ties them together."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.keras import keras

layers = keras.layers

MIXING = (layers.Conv2D, layers.SeparableConv2D, layers.Dense)
"""Layers whose every output channel depends on all input channels, and can be left out."""

ELEMENTWISE = {
    *("elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "sigmoid"),
    *("silu", "softplus", "softsign", "swish", "tanh"),
}
"""Names of activations that compute each channel from itself alone."""


class Numbering:
    """Gives out numbers and remembers what becomes known of them.

    Attributes:
        count: How many it has given out.
        ties: Pairs of arrays of equal length, whose channels are kept or removed together, the first with the first.
        fixed: Those that must stay.
        barriers: For those that can't be removed because of a layer: its name and why.
    """

    def __init__(self) -> None:
        self.count = 0
        self.ties: list[tuple[np.ndarray, np.ndarray]] = []
        self.fixed: list[np.ndarray] = []
        self.barriers: dict[int, str] = {}

    def fresh(self, count: int) -> np.ndarray:
        """Returns that many new numbers."""
        self.count += count
        return np.arange(self.count - count, self.count)

    def block(self, numbers: np.ndarray, why: str) -> None:
        """Puts a barrier before them; the first stays."""
        for number in np.unique(numbers):
            self.barriers.setdefault(int(number), why)

    def merged(self) -> np.ndarray:
        """Returns the final number of each, equal for those that are tied, directly or by way of others."""
        left, right = (np.concatenate([np.zeros(0, int), *side]) for side in zip(*self.ties, ([], []), strict=True))
        graph = coo_array((np.ones(len(left)), (left, right)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1]


Rule = Callable[[Any, list[np.ndarray], Numbering], np.ndarray | str]
"""From a layer's call and the numbers of its inputs to those of its output, or to words for why there are none."""


def unknown(node: Any, given: list[np.ndarray], numbering: Numbering) -> str:
    """Is the rule of a layer that has none."""
    return f"is of type {type(node.layer).__name__}"


def _same(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray:
    return given[0]


def _activated(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    return _activation_barrier(node.layer) or given[0]


def _activation_barrier(layer: keras.layers.Layer) -> str | None:
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return None if name in ELEMENTWISE else f"applies {name} to them"


def _mixed(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    layer = node.layer
    if getattr(layer, "groups", 1) > 1:
        return f"has {layer.groups} groups"
    made = numbering.fresh(node.output_shapes[-1])
    if why := _activation_barrier(layer):
        numbering.block(made, f"{layer.name} {why}")
    return made


def _depthwise(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    return _activation_barrier(node.layer) or np.repeat(given[0], node.layer.depth_multiplier)


def _normalized(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    axes, last = list(node.layer.axis), len(node.input_shapes) - 1
    return given[0] if axes == [last] else f"normalizes axis {', '.join(map(str, axes))}"


def _dropped(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    shape = node.layer.noise_shape
    return given[0] if shape is None or shape[-1] in (1, None) else f"has a noise_shape of {shape[-1]} channels"


def _rescaled(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    scalar = np.ndim(node.layer.scale) == np.ndim(node.layer.offset) == 0
    return given[0] if scalar else "has a scale for each channel"


def _reshaped(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    shape, count = node.output_shapes, len(given[0])
    if shape[-1] == count:
        return given[0]
    if len(shape) == 2 and shape[-1] and count:
        return np.tile(given[0], shape[-1] // count)
    return "rearranges them"


def _tied(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    if len({(len(shape), shape[-1]) for shape in node.input_shapes}) > 1:
        return "stretches one of its inputs over the channels of another"
    numbering.ties += [(given[0], other) for other in given[1:]]
    return given[0]


def _concatenated(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray | str:
    if node.layer.axis in (-1, len(node.output_shapes) - 1):
        return np.concatenate(given)
    return _tied(node, given, numbering)


def _input(node: Any, given: list[np.ndarray], numbering: Numbering) -> np.ndarray:
    shape = node.layer.output_shape
    made = numbering.fresh((shape[0] if isinstance(shape, list) else shape)[-1] or 0)
    numbering.fixed.append(made)
    return made


RULES: dict[type, Rule] = {
    layers.InputLayer: _input,
    **dict.fromkeys(MIXING, _mixed),
    layers.DepthwiseConv2D: _depthwise,
    layers.BatchNormalization: _normalized,
    layers.Activation: _activated,
    layers.Rescaling: _rescaled,
    layers.Dropout: _dropped,
    **dict.fromkeys((layers.Flatten, layers.Reshape), _reshaped),
    **dict.fromkeys((layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply), _tied),
    layers.Concatenate: _concatenated,
    **dict.fromkeys((layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity), _same),
    **dict.fromkeys((layers.MaxPooling2D, layers.AveragePooling2D, layers.UpSampling2D), _same),
    **dict.fromkeys((layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D), _same),
    **dict.fromkeys((layers.ZeroPadding2D, layers.Cropping2D, layers.SpatialDropout2D), _same),
    **dict.fromkeys((layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout), _same),
}
"""By exact type, because a subclass may do anything with them."""
