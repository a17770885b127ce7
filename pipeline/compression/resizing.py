"""A model rebuilt with fewer channels, with the weights of those that stay."""

import numpy as np

from pipeline.compression.channel_rules import MIXING
from pipeline.compression.channels import Channels
from pipeline.keras import keras

layers = keras.layers

SIZES = {layers.Conv2D: "filters", layers.SeparableConv2D: "filters", layers.Dense: "units"}
"""The setting of a layer that says how many channels it makes."""


def keep_channels(model: keras.Model, channels: Channels, keep: np.ndarray) -> keras.Model:
    """Returns a smaller copy of a model; the model itself is left alone.

    Args:
        model: A functional or sequential model.
        channels: The numbers of its channels.
        keep: For each number, whether its channels stay; all that are fixed or behind a barrier must.
    """

    def resized(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        width = int(keep[channels.outputs[layer.name]].sum())
        if type(layer) in SIZES:
            config[SIZES[type(layer)]] = width
        elif type(layer) is layers.Reshape and config["target_shape"][-1] != -1:
            config["target_shape"] = (*config["target_shape"][:-1], width)
        return type(layer).from_config(config)

    made = keras.models.clone_model(model, clone_function=resized)
    for layer, copy in zip(model.layers, made.layers, strict=True):
        if layer.weights:
            copy.set_weights(_kept(layer, keep[channels.inputs[layer.name]], keep[channels.outputs[layer.name]]))
        if hasattr(copy, "finalize_state"):  # a preprocessing layer computes with what it made of its weights
            copy.finalize_state()
    return made


def _kept(layer: keras.layers.Layer, inputs: np.ndarray, outputs: np.ndarray) -> list[np.ndarray]:
    """Returns a layer's weights without those of removed channels; the masks are those of its last axes."""
    kind, weights = type(layer), layer.get_weights()
    if inputs.all() and outputs.all():
        return weights
    if kind is layers.BatchNormalization:
        return [values[outputs] for values in weights]
    if kind is layers.DepthwiseConv2D:  # kernel: height, width, inputs, multiplier
        return [weights[0][:, :, inputs], *(bias[outputs] for bias in weights[1:])]
    if kind is layers.SeparableConv2D:
        depthwise, pointwise, *biases = weights
        between = np.repeat(inputs, layer.depth_multiplier)
        pointwise = pointwise[:, :, between][..., outputs]
        return [depthwise[:, :, inputs], pointwise, *(bias[outputs] for bias in biases)]
    if kind in MIXING:
        kernel, *biases = weights
        return [kernel[..., inputs, :][..., outputs], *(bias[outputs] for bias in biases)]
    return weights
