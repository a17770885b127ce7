"""Structured pruning: whole channels and units removed, and the model rebuilt smaller.

Li et al., arXiv:1608.08710, rank filters by their norm; Liu et al., arXiv:1708.06519, by their batch normalization's
scale.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.compression.channel_ranking import CRITERIA, Criterion, rank
from pipeline.compression.channels import Channels, TiedLayers, filtering_layers, tied_layers, trace
from pipeline.compression.resizing import keep_channels
from pipeline.keras import keras


def remove_channels(
    model: keras.Model,
    *,
    share: float,
    criterion: Criterion = "l1",
    exclude: Sequence[str] = (),
    per_layer: Mapping[str, float] | None = None,
    multiple: int = 1,
) -> keras.Model:
    """Returns a smaller copy of a model, without the channels that rank lowest; the model itself is left alone.

    Layers keep their names, and what remains keeps its weights. Channels that are added to each other are removed
    together, by their mean rank. Every layer keeps one channel at least; the layer that makes the output keeps all, and
    so do those whose channels are added to the model's input. Fine-tune the copy.

    Args:
        model: A functional or sequential model of Conv2D, DepthwiseConv2D, SeparableConv2D and Dense layers, with
            layers between them that keep channels apart.
        share: Share of each layer's channels to remove, from 0 to below 1; rounded to fewer.
        criterion: What channels are ranked by: "l1" or "l2", the norm of the filter, or "batch_norm", the size of the
            scale in the batch normalization behind it.
        exclude: Names of layers that keep all channels; what is tied to them does too.
        per_layer: Shares for single layers, and for what is tied to them, in place of `share`.
        multiple: What the number of remaining channels is rounded up to a multiple of, if the layer has that many.

    Raises:
        ValueError: If an argument is out of range or names no layer that it could mean, if the model is subclassed or
            nested, if channels to remove pass through a layer that can't do without them, or if there are none.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion {criterion!r} is unknown; accepted: {', '.join(CRITERIA)}")
    if multiple < 1:
        raise ValueError(f"multiple {multiple} is below 1")
    channels = trace(model)
    keep = np.ones(len(channels.fixed), bool)
    for tied, removed in _shares(model, channels, share, exclude, per_layer or {}):
        if tied.barrier and removed:
            raise ValueError(
                f"{', '.join(tied.names)}: channels can't be removed, because {tied.barrier}; accepted: exclude "
                f"{tied.names[0]}, or only layers between that keep channels apart (convolution, BatchNormalization, "
                "elementwise activation, pooling, Flatten, Add, Concatenate)"
            )
        count = len(tied.numbers)
        remaining = max(1, count - math.floor(count * removed + 1e-9))
        if (remaining := math.ceil(remaining / multiple) * multiple) < count:
            ranks = rank(model, channels, tied, criterion)
            keep[tied.numbers[np.argsort(-ranks, kind="stable")[remaining:]]] = False
    return keep_channels(model, channels, keep)


def widths(model: keras.Model) -> dict[str, int]:
    """Returns how many channels each convolution and Dense layer makes, by name, in the model's order."""
    made = trace(model).outputs
    return {layer.name: len(made[layer.name]) for layer in filtering_layers(model)}


def _shares(
    model: keras.Model, channels: Channels, share: float, exclude: Sequence[str], per_layer: Mapping[str, float]
) -> list[tuple[TiedLayers, float]]:
    """Returns what share of each set of tied layers is to be removed."""
    sets = tied_layers(model, channels)
    removable = {name for tied in sets for name in tied.names}
    names = [layer.name for layer in filtering_layers(model)]
    for name, value in (("share", share), *per_layer.items()):
        if not 0 <= value < 1:
            raise ValueError(f"{name}: a share of {value}; accepted: from 0 to below 1")
    for key, given in (("exclude", exclude), ("per_layer", per_layer)):
        for name in given:
            if name not in names:
                raise ValueError(f"{key} names {name}, which has no channels of its own; accepted: {', '.join(names)}")
    for name in per_layer:
        if name not in removable:
            raise ValueError(f"per_layer names {name}, whose channels reach the model's input or output and all stay")
        if name in exclude:
            raise ValueError(f"{name} is in both per_layer and exclude")
    if removable <= set(exclude):
        raise ValueError(f"{model.name}: no layer to remove channels from; all are excluded or make the output")
    return [(tied, _share(tied, share, exclude, per_layer)) for tied in sets]


def _share(tied: TiedLayers, share: float, exclude: Sequence[str], per_layer: Mapping[str, float]) -> float:
    if set(tied.names) & set(exclude):
        return 0.0
    given = {name: per_layer[name] for name in tied.names if name in per_layer}
    if len(set(given.values())) > 1:
        raise ValueError(f"per_layer gives {' and '.join(given)}, which are tied together, different shares")
    return next(iter(given.values()), share)
