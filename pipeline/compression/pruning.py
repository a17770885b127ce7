"""Magnitude pruning with TFMOT (Zhu and Gupta, arXiv:1710.01878)."""

from collections.abc import Sequence

import numpy as np
import tensorflow_model_optimization as tfmot

from pipeline.keras import keras

PRUNABLE = (keras.layers.Dense, keras.layers.Conv2D)
UPDATES = 50
"""How often the mask is updated between the first and the last pruning step."""


def prunable_layers(model: keras.Model, exclude: Sequence[str] = ()) -> list[str]:
    """Returns the names of the layers whose kernel pruning thins out: Dense and Conv2D.

    Depthwise and separable convolutions stay dense: TFMOT passes over the former, and of the latter would prune but
    the pointwise half.

    Raises:
        ValueError: If the model is subclassed or nested, or an excluded layer does not exist.
    """
    if not isinstance(model, keras.Sequential) and not model._is_graph_network:  # tf_keras has no public test for it
        raise ValueError(f"{model.name}: pruning takes functional and sequential models, not a subclassed one")
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            raise ValueError(f"{layer.name}: pruning does not take a model inside a model; flatten it first")
    names = [layer.name for layer in model.layers]
    for name in exclude:
        if name not in names:
            raise ValueError(f"exclude names {name}, which is no layer; accepted: {', '.join(names)}")
    return [layer.name for layer in model.layers if isinstance(layer, PRUNABLE) and layer.name not in exclude]


def polynomial_schedule(
    steps: int, *, initial_sparsity: float, final_sparsity: float, end: float
) -> tfmot.sparsity.keras.PolynomialDecay:
    """Returns a schedule that surely reaches its final sparsity.

    TFMOT's own stays below it, without a word, unless the span is a multiple of the frequency; the span is rounded
    down to one here.

    Args:
        steps: Training steps in all.
        initial_sparsity: Share of zeros at the first step.
        final_sparsity: Share of zeros from the end of the span on.
        end: Share of the steps over which sparsity grows; the rest is fine-tuning at a fixed mask.
    """
    span = max(1, int(steps * end) - 1)
    frequency = max(1, span // UPDATES)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity, final_sparsity, begin_step=0, end_step=span // frequency * frequency, frequency=frequency
    )


def prunable(
    model: keras.Model, schedule: tfmot.sparsity.keras.PruningSchedule, *, exclude: Sequence[str] = ()
) -> keras.Model:
    """Returns a copy of a model whose kernels are pruned while it is trained; the model itself is left alone.

    Train it with `tfmot.sparsity.keras.UpdatePruningStep()` among the callbacks, then call `strip`.

    Args:
        model: A functional or sequential model.
        schedule: How sparsity grows with the steps.
        exclude: Names of layers to leave dense.

    Raises:
        ValueError: If the model is subclassed or nested, or no layer is left to prune.
    """
    names = prunable_layers(model, exclude)
    if not names:
        raise ValueError(f"{model.name}: no layer to prune; accepted: Dense and Conv2D layers that are not excluded")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in names:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule)

    return keras.models.clone_model(copy, clone_function=wrap)


def strip(model: keras.Model) -> keras.Model:
    """Returns the pruned model without TFMOT's wrappers; its zeros stay."""
    return tfmot.sparsity.keras.strip_pruning(model)


def kernel_sparsity(model: keras.Model, names: Sequence[str]) -> dict[str, float]:
    """Returns the share of zeros in the kernel of each named layer."""
    return {name: float(np.mean(model.get_layer(name).kernel.numpy() == 0)) for name in names}
