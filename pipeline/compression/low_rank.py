"""Trained Dense layers as two thinner ones (Denton et al., arXiv:1404.0736)."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.compression.rank import Account, check_rank, decide, finite_kernel, positions, relative_errors
from pipeline.compression.rewrite import Part, candidates, rewrite
from pipeline.keras import keras

LOW_RANK = "_low_rank"
"""Ending of the name of the new layer."""


def factorize(
    model: keras.Model,
    *,
    rank: int | None = None,
    share: float | None = None,
    max_error: float | None = None,
    min_gain: float = 1.0,
    layers: Sequence[str] = (),
) -> tuple[keras.Model, list[Account]]:
    """Returns a copy of a model whose Dense layers are two thinner ones each; the model is left alone.

    A kernel of shape (inputs, units) is replaced by the first `rank` terms of its singular value decomposition, the
    best of that rank. `dense` becomes `dense_low_rank`, of `rank` units without bias or activation, and a Dense layer
    that keeps the name `dense`, the bias and the activation.

    Args:
        model: A functional or sequential model. Only its Dense layers are considered.
        rank: Terms kept; all, min(inputs, units), are exact. None for the fewest within `max_error`.
        share: The rank as a share of all terms, rounded up; stands in place of `rank`.
        max_error: A kernel whose relative error in the Frobenius norm is above it is left alone; None for any error.
        min_gain: The ratio of the kernel's weights before to after has to be above it; from 1 on, what would grow is
            left alone.
        layers: Names of the layers to consider; empty for all but those that give the model's output. Fewer terms than
            classes can't tell all of these apart, and the few weights saved are seldom worth it.

    Returns:
        The new model, functional, and an account of each layer considered.

    Raises:
        ValueError: If the model is subclassed, nested or not built, has a Lambda layer or a shared Dense layer, if a
            name is no Dense layer, a kernel is not finite, or the settings choose no rank or two.
    """
    if rank is not None and share is not None:
        raise ValueError("rank and share are both set; accepted: one of them")
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"share={share}; accepted: above 0, up to 1")
    check_rank(1 if share else rank, max_error, min_gain)
    accounts, chains = [], {}
    found = candidates(model, keras.layers.Dense, layers, "factorization")
    obstacles = _obstacles(model, found, spare_outputs=not layers)
    for layer in found:
        inputs, units = layer.kernel.shape
        places = positions(layer, slice(1, -1))
        before = places * inputs * units
        if layer.name in obstacles:
            accounts.append(Account(layer.name, 0, 0.0, before, before, obstacles[layer.name]))
            continue
        left, values, right = np.linalg.svd(finite_kernel(layer), full_matrices=False)
        account = decide(
            layer.name,
            relative_errors(values),
            before=before,
            each=places * (inputs + units),
            rank=math.ceil(share * len(values)) if share else rank,
            max_error=max_error,
            min_gain=min_gain,
        )
        accounts.append(account)
        if not account.skipped:
            kept = account.rank
            chains[layer.name] = _chain(layer, left[:, :kept], values[:kept, np.newaxis] * right[:kept])
    return rewrite(model, chains), accounts


def _obstacles(model: keras.Model, layers: Sequence[keras.layers.Layer], *, spare_outputs: bool) -> dict[str, str]:
    """Returns why some Dense layers are not factorized, by name."""
    names, outputs = {layer.name for layer in model.layers}, _output_layers(model)
    reasons = {}
    for layer in layers:
        if layer.name.endswith(LOW_RANK) or layer.name + LOW_RANK in names:
            reasons[layer.name] = "it is half of a factorized layer already"
        elif layer.kernel_constraint is not None:
            reasons[layer.name] = "its kernel has a constraint, which two kernels would not keep"
        elif spare_outputs and layer.name in outputs:
            reasons[layer.name] = "it gives the model's output; named in layers it would be factorized"
    return reasons


def _output_layers(model: keras.Model) -> set[str]:
    """Returns the names of the last layers with weights before each output."""
    found, waiting = set(), [model.get_layer(name) for name in model.output_names]
    while waiting:
        layer = waiting.pop()
        if layer.weights:
            found.add(layer.name)
        else:
            waiting += [before for node in layer.inbound_nodes for before, *_ in node.iterate_inbound()]
    return found


def _chain(layer: keras.layers.Layer, inner: np.ndarray, outer: np.ndarray) -> list[Part]:
    """Returns what replaces a Dense layer.

    The first kernel has columns of norm 1 and the second the singular values. Were they shared out, terms of value 0,
    as in a pruned kernel, would be 0 on both sides and could never be trained again.

    Args:
        layer: The Dense layer.
        inner: Of shape (inputs, rank).
        outer: Of shape (rank, units).
    """
    config = layer.get_config()
    thin = keras.layers.Dense(
        inner.shape[1],
        use_bias=False,
        kernel_regularizer=layer.kernel_regularizer,
        name=layer.name + LOW_RANK,
        trainable=config["trainable"],
        dtype=config["dtype"],
    )
    # An initializer may fit the shape of the old kernel alone.
    wide = keras.layers.Dense.from_config({**config, "kernel_initializer": "zeros"})
    return [Part(thin, [inner]), Part(wide, [outer, *layer.get_weights()[1:]])]
