"""How much a channel matters, by its weights."""

from typing import Literal

import numpy as np

from pipeline.compression.channels import Channels, TiedLayers
from pipeline.keras import keras

layers = keras.layers

Criterion = Literal["l1", "l2", "batch_norm"]
CRITERIA = ("l1", "l2", "batch_norm")


def rank(model: keras.Model, channels: Channels, tied: TiedLayers, criterion: Criterion) -> np.ndarray:
    """Returns a figure for each channel that tied layers share, the higher the more it matters.

    It is the mean over the layers, in each relative to the mean of its channels, so that wide filters don't outvote
    narrow ones.

    Args:
        model: The model.
        channels: The numbers of its channels.
        tied: The layers.
        criterion: "l1" and "l2": the norm of a channel's filter (Li et al., arXiv:1608.08710). "batch_norm": the size
            of its scale in every batch normalization that it passes through (Liu et al., arXiv:1708.06519).

    Raises:
        ValueError: If no batch normalization could rank them.
    """
    if criterion == "batch_norm":
        measured = _scales(model, channels, tied)
    else:
        measured = {name: _norms(model.get_layer(name), 1 if criterion == "l1" else 2) for name in tied.names}
    return np.mean([_relative(channels.outputs[name], values, tied.numbers) for name, values in measured.items()], 0)


def _relative(numbers: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the mean value of each wanted number, relative to the mean of all wanted."""
    found = np.bincount(numbers, values)[wanted] / np.bincount(numbers)[wanted]
    return found / max(float(found.mean()), np.finfo(np.float32).tiny)


def _scales(model: keras.Model, channels: Channels, tied: TiedLayers) -> dict[str, np.ndarray]:
    found = {
        layer.name: np.abs(layer.gamma.numpy())
        for layer in model.layers
        if type(layer) is layers.BatchNormalization
        and layer.scale
        and np.isin(tied.numbers, channels.outputs[layer.name]).all()
    }
    if not found:
        raise ValueError(
            f"{', '.join(tied.names)}: no BatchNormalization with a scale follows, so batch_norm can't rank the "
            f"channels; accepted: l1, l2, or exclude {tied.names[0]}"
        )
    return found


def _norms(layer: keras.layers.Layer, order: int) -> np.ndarray:
    """Returns the norm of each output channel's filter; of a separable convolution, of its pointwise part."""
    weights = layer.get_weights()
    kernel = weights[1] if type(layer) is layers.SeparableConv2D else weights[0]
    if type(layer) is layers.DepthwiseConv2D:
        kernel = kernel.reshape(*kernel.shape[:2], -1)
    return np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), ord=order, axis=0)
