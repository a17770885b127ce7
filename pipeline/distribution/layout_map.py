"""Which dimension of which variable is split over which axis of a mesh: a user's rules, and a preset of them."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.keras import keras

BATCH, MODEL = "batch", "model"
"""The axes of a mesh: over one the examples of a batch are shared out, over the other what the rules split."""

SPLIT = (keras.layers.Dense, keras.layers.Conv2D)
"""The layers whose variables can be split."""

ELEMENTWISE = (keras.layers.ReLU, keras.layers.Dropout)

Split = tuple[str | None, ...]
"""For each dimension of a variable the axis that it is split over, or None."""

log = logging.getLogger(__name__)


def split_variables(
    model: keras.Model, mesh: Mapping[str, int], rules: Sequence[tuple[str, Split]], preset: str | None
) -> dict[str, Split]:
    """Returns how the variables that are split lie, by their path, such as "dense_1/kernel".

    Args:
        model: A functional or sequential model, built.
        mesh: How many parts each axis makes.
        rules: Regular expressions on whole paths, and how the variables that one matches are split; of several rules
            that match a variable the first holds.
        preset: "dense_conv", or None. It splits what no rule matches, the kernels of Dense layers by units, and the
            Dense layer behind such a one by inputs, so that nothing is exchanged between the two (Shoeybi et al.,
            arXiv:1909.08053); those of Conv2D by filters; biases along. What can't be split evenly stays whole.

    Raises:
        ValueError: If a rule matches nothing or can't be kept, or nothing is split at all.
    """
    owners = {path_of(layer, each): layer for layer in model.layers for each in layer.variables}
    shapes = {path_of(layer, each): tuple(each.shape) for layer in model.layers for each in layer.variables}
    found: dict[str, Split] = {}
    for pattern, split in rules:
        matched = [path for path in owners if _matches(pattern, path)]
        if not matched:
            raise ValueError(f"layouts: no variable matches {pattern!r}; accepted: those of {', '.join(owners)}")
        for path in matched:
            _check(path, owners[path], shapes[path], split, mesh)
            found.setdefault(path, split)
    if preset is not None:
        found = {**_dense_conv(model, mesh[MODEL]), **found}
    if not found:
        raise ValueError(f"nothing of model {model.name} is split; accepted: layouts that match, or preset: dense_conv")
    return found


def path_of(layer: keras.layers.Layer, variable: object) -> str:
    """Returns a variable's path, such as "dense_1/kernel"."""
    return f"{layer.name}/{variable.name.rpartition('/')[2].partition(':')[0]}"  # type: ignore[attr-defined]


def _matches(pattern: str, path: str) -> bool:
    try:
        return re.fullmatch(pattern, path) is not None
    except re.error as error:
        raise ValueError(f"layouts: {pattern!r} is no regular expression ({error})") from error


def _check(path: str, layer: keras.layers.Layer, shape: Sequence[int], split: Split, mesh: Mapping[str, int]) -> None:
    if type(layer) not in SPLIT:
        kind = type(layer).__name__
        raise ValueError(f"layouts: {path} is of a {kind} layer, which stays whole; accepted: Dense and Conv2D layers")
    if len(split) != len(shape):
        raise ValueError(f"layouts: {path} has the shape {list(shape)}, and its layout {len(split)} dimensions")
    used = [axis for axis in split if axis is not None]
    if len(set(used)) < len(used):
        raise ValueError(f"layouts: {path} is split over {used[0]} twice; accepted: once")
    for size, axis in zip(shape, split, strict=True):
        if axis is not None and size % mesh[axis]:
            raise ValueError(f"layouts: {path} has the shape {list(shape)}; {axis}={mesh[axis]} does not divide {size}")


def nodes_of(model: keras.Model) -> list[Any]:
    """Returns the calls of layers that a functional model is made of."""
    return [node for nodes in model._nodes_by_depth.values() for node in nodes]


def _dense_conv(model: keras.Model, parts: int) -> dict[str, Split]:
    found: dict[str, Split] = {}
    feeding = {node.layer.name: node.inbound_layers for node in nodes_of(model)}
    for layer in model.layers:
        if type(layer) not in SPLIT:
            continue
        *window, inputs, outputs = layer.kernel.shape
        before = _dense_before(layer, feeding)
        behind_units = before is not None and found.get(f"{before.name}/kernel") == (None, MODEL)
        kernel, bias = f"{layer.name}/kernel", f"{layer.name}/bias"
        if outputs % parts == 0 and not behind_units:
            found[kernel] = (*[None] * (len(window) + 1), MODEL)
            if layer.use_bias:
                found[bias] = (MODEL,)
        elif inputs % parts == 0:
            found[kernel] = (*[None] * len(window), MODEL, None)
        else:
            log.warning(
                "layer %s stays whole: model=%d divides neither its %d inputs nor its %d outputs",
                layer.name, parts, inputs, outputs,
            )  # fmt: skip
    return found


def _dense_before(layer: keras.layers.Layer, feeding: Mapping[str, Any]) -> keras.layers.Layer | None:
    """Returns the Dense layer that feeds a Dense layer, with nothing between but what works on each value by itself."""
    before = feeding[layer.name]
    while type(before) in ELEMENTWISE:
        before = feeding[before.name]
    return before if type(layer) is type(before) is keras.layers.Dense else None


def split_bytes(splits: Mapping[str, Split], sizes: Mapping[str, int], mesh: Mapping[str, int]) -> int:
    """Returns the bytes that variables take on each device.

    Args:
        splits: How those lie that are split.
        sizes: The bytes of each, whole.
        mesh: How many parts each axis makes.
    """
    return sum(
        size // math.prod(mesh[axis] for axis in splits.get(path, ()) if axis is not None)
        for path, size in sizes.items()
    )
