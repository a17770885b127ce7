"""Magnitude pruning with TFMOT (Zhu and Gupta, arXiv:1710.01878), of single weights, 2 of 4, or blocks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pipeline.compression.flat import require_flat
from pipeline.compression.tfmot import tfmot
from pipeline.keras import keras

PRUNABLE = (keras.layers.Dense, keras.layers.Conv2D)

Pattern = Literal["unstructured", "2:4", "blocks"]
"""Which weights become zero together.

unstructured: any. 2:4: two of four side by side (Mishra et al., arXiv:2104.08378).
blocks: 16 of a unit of a Dense layer, side by side in its input, which TFLite's sparse encoding computes without."""

BLOCK = (16, 1)
"""Rows and columns of a block of a Dense kernel, of shape (inputs, units)."""


def prunable_layers(
    model: keras.Model, exclude: Sequence[str] = (), *, include: Sequence[str] = (), pattern: Pattern = "unstructured"
) -> list[str]:
    """Returns the names of the layers whose kernel pruning thins out: Dense and Conv2D.

    In blocks, Dense alone, of more than 16 inputs; 2:4 takes those whose inputs are a multiple of four.

    Depthwise and separable convolutions stay dense: TFMOT passes over the former, and of the latter would prune but
    the pointwise half.

    Args:
        model: A functional or sequential model.
        exclude: Names or types of layers to leave dense.
        include: Names or types of those to prune; none: all.
        pattern: Which weights become zero together.

    Raises:
        ValueError: If the model is subclassed or nested, or a named layer does not exist.
    """
    require_flat(model, "pruning")
    known = [layer.name for layer in model.layers]
    types = [each.__name__ for each in PRUNABLE]
    for key, names in {"exclude": exclude, "include": include}.items():
        for name in names:
            if name not in (*known, *types):
                accepted = ", ".join((*known, *types))
                raise ValueError(f"{key} names {name}, which is no layer; accepted: {accepted}")
    layers = [layer for layer in model.layers if isinstance(layer, PRUNABLE) and _takes(layer, pattern)]
    kept = [layer for layer in layers if not include or named(layer, include)]
    return [layer.name for layer in kept if not named(layer, exclude)]


def _takes(layer: keras.layers.Layer, pattern: Pattern) -> bool:
    """Whether a pattern fits a layer's kernel; TFMOT leaves one whose inputs are not in fours dense, without a word."""
    if pattern == "2:4":
        return layer.kernel.shape[-2] % 4 == 0
    # TFMOT fails on a kernel of a single row of blocks.
    return pattern == "unstructured" or (isinstance(layer, keras.layers.Dense) and layer.kernel.shape[0] > BLOCK[0])


def named(layer: keras.layers.Layer, names: Iterable[str]) -> bool:
    """Whether a layer's name or type is among some."""
    return layer.name in names or type(layer).__name__ in names


def prunable(
    model: keras.Model,
    schedule: tfmot.sparsity.keras.PruningSchedule,
    *,
    exclude: Sequence[str] = (),
    include: Sequence[str] = (),
    per_layer: Mapping[str, tfmot.sparsity.keras.PruningSchedule] | None = None,
    pattern: Pattern = "unstructured",
) -> keras.Model:
    """Returns a copy of a model whose kernels are pruned while it is trained; the model itself is left alone.

    Train it with `tfmot.sparsity.keras.UpdatePruningStep()` among the callbacks, then call `strip`.

    Args:
        model: A functional or sequential model.
        schedule: How sparsity grows with the steps; 2:4 has a sparsity of its own, a half, from the first step.
        exclude: Names or types of layers to leave dense.
        include: Names or types of those to prune; none: all.
        per_layer: Other schedules of layers by their name.
        pattern: Which weights become zero together.

    Raises:
        ValueError: If the model is subclassed or nested, or no layer is left to prune.
    """
    names = prunable_layers(model, exclude, include=include, pattern=pattern)
    if not names:
        others = {
            "blocks": "Dense layers of more than 16 inputs",
            "2:4": "Dense and Conv2D layers of a multiple of 4 inputs",
        }
        kinds = others.get(pattern, "Dense and Conv2D layers")
        raise ValueError(f"{model.name}: no layer to prune; accepted: {kinds} that are not excluded")
    schedules = dict(per_layer or {})
    for name in schedules:
        if name not in names:
            raise ValueError(f"per_layer names {name}, which is not pruned; accepted: {', '.join(names)}")
    options: dict[str, Any] = {"2:4": {"sparsity_m_by_n": (2, 4)}, "blocks": {"block_size": BLOCK}}.get(pattern, {})
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in names:
            return layer
        chosen = schedules.get(layer.name, schedule)
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=chosen, **options)

    return keras.models.clone_model(copy, clone_function=wrap)


def strip(model: keras.Model) -> keras.Model:
    """Returns the pruned model without TFMOT's wrappers; its zeros stay."""
    return tfmot.sparsity.keras.strip_pruning(model)


def kernel_sparsity(model: keras.Model, names: Sequence[str]) -> dict[str, float]:
    """Returns the share of zeros in the kernel of each named layer."""
    return {name: float(np.mean(model.get_layer(name).kernel.numpy() == 0)) for name in names}
