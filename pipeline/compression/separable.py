"""Trained convolutions as depthwise and pointwise ones (MobileNets, Howard et al., arXiv:1704.04861)."""

from collections.abc import Sequence

import numpy as np

from pipeline.compression.rank import Account, check_rank, decide, finite_kernel, positions, relative_errors
from pipeline.compression.rewrite import Part, candidates, rewrite
from pipeline.keras import keras

DEPTHWISE, COPIES = "_depthwise", "_copies"
"""Endings of the names of the new layers."""


def separate(
    model: keras.Model,
    *,
    rank: int | None = None,
    max_error: float | None = None,
    min_gain: float = 1.0,
    layers: Sequence[str] = (),
) -> tuple[keras.Model, list[Account]]:
    """Returns a copy of a model whose convolutions are depthwise and pointwise ones; the model is left alone.

    The slice of a kernel that belongs to one input channel, of shape (height * width, filters), is replaced by the
    first `rank` terms of its singular value decomposition, the best of that rank (Denton et al., arXiv:1404.0736;
    Jaderberg et al., arXiv:1405.3866). `conv` becomes `conv_depthwise`, and a 1x1 convolution that keeps the name
    `conv`, the bias and the activation. Above rank 1, `conv_copies` hands the depthwise one each channel `rank` times.
    A `depth_multiplier` would do without it, but XNNPACK has no fast path for one: at rank 2 it made a 3x3 convolution
    of 32 to 64 channels 2 times slower in float32 and 5 times in int8 than the copies do.

    Args:
        model: A functional or sequential model. Only its Conv2D layers are considered.
        rank: Terms kept; all, min(height * width, filters), are exact. None for the fewest within `max_error`.
        max_error: A kernel whose relative error in the Frobenius norm is above it is left alone; None for any error.
        min_gain: The ratio of multiply-adds before to after has to be above it.
        layers: Names of the layers to consider; empty for all.

    Returns:
        The new model, functional, and an account of each layer considered.

    Raises:
        ValueError: If the model is subclassed, nested or not built, has a Lambda layer or a shared convolution, if a
            name is no Conv2D layer, a kernel is not finite, or the settings choose no rank.
    """
    check_rank(rank, max_error, min_gain)
    accounts, chains = [], {}
    for layer in candidates(model, keras.layers.Conv2D, layers, "separation"):
        height, width, channels, filters = layer.kernel.shape
        places = positions(layer, slice(2, None) if layer.data_format == "channels_first" else slice(1, -1))
        before = places * height * width * channels * filters // layer.groups
        if reason := _obstacle(layer):
            accounts.append(Account(layer.name, 0, 0.0, before, before, reason))
            continue
        slices = finite_kernel(layer).transpose(2, 0, 1, 3).reshape(channels, height * width, filters)
        left, values, right = np.linalg.svd(slices, full_matrices=False)
        account = decide(
            layer.name,
            relative_errors(values),
            before=before,
            each=places * channels * (height * width + filters),
            rank=rank,
            max_error=max_error,
            min_gain=min_gain,
        )
        accounts.append(account)
        if not account.skipped:
            kept = account.rank
            chains[layer.name] = _chain(layer, left[..., :kept], values[:, :kept, np.newaxis] * right[:, :kept])
    return rewrite(model, chains), accounts


def _obstacle(layer: keras.layers.Layer) -> str:
    """Returns why a convolution can't be separated, or nothing."""
    height, width, channels, _ = layer.kernel.shape
    if layer.groups != 1:
        return f"it has {layer.groups} groups; only a convolution of 1 is separated"
    if height * width == 1:
        return "its kernel is 1x1, so it is pointwise already"
    if channels == 1:
        return "it has 1 input channel, so there is nothing to separate"
    if len(set(layer.strides)) > 1:
        return f"its strides {layer.strides} differ, and a depthwise convolution takes equal ones"
    if layer.kernel_constraint is not None:
        return "its kernel has a constraint, which two kernels would not keep"
    return ""


def _chain(layer: keras.layers.Layer, spatial: np.ndarray, mixing: np.ndarray) -> list[Part]:
    """Returns what replaces a convolution.

    The depthwise kernels have norm 1 and the pointwise ones the singular values. Were they shared out, terms of value
    0, as in a pruned kernel, would be 0 on both sides and could never be trained again.

    Args:
        layer: The convolution.
        spatial: Of shape (channels, height * width, rank).
        mixing: Of shape (channels, rank, filters).
    """
    config = layer.get_config()
    common = {key: config[key] for key in ("trainable", "dtype")}
    channels, rank, filters = mixing.shape
    depthwise = keras.layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
        use_bias=False,
        depthwise_regularizer=layer.kernel_regularizer,
        name=layer.name + DEPTHWISE,
        **common,
    )
    # An initializer may fit the shape of the old kernel alone.
    new = {"kernel_size": 1, "strides": 1, "padding": "valid", "dilation_rate": 1, "kernel_initializer": "zeros"}
    pointwise = keras.layers.Conv2D.from_config({**config, **new})
    # Copies follow one another, so the rank counts before the channel.
    kernel = spatial.transpose(1, 2, 0).reshape(*layer.kernel_size, rank * channels, 1)
    weights = [mixing.transpose(1, 0, 2).reshape(1, 1, rank * channels, filters), *layer.get_weights()[1:]]
    parts = [Part(depthwise, [kernel]), Part(pointwise, weights)]
    if rank == 1:
        return parts
    axis = 1 if layer.data_format == "channels_first" else -1
    return [Part(keras.layers.Concatenate(axis, name=layer.name + COPIES, **common), copies=rank), *parts]
