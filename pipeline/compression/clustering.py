"""Weight clustering with TFMOT: a layer's weights share a few values (Han et al., arXiv:1510.00149)."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from pipeline.compression.flat import require_flat
from pipeline.compression.tfmot import GradientAggregation, cluster_weights, tfmot
from pipeline.compression.weight_form import weight_form
from pipeline.keras import keras

CLUSTERABLE = (keras.layers.Dense, keras.layers.Conv2D)
FEWEST = 3
"""Clusters at least: of a sparse kernel one is zero, one below and one above it."""

Initialization = Literal["linear", "density", "random", "kmeans++"]

_CENTROIDS = tfmot.clustering.keras.CentroidInitialization
INITIALIZATIONS = {
    "linear": _CENTROIDS.LINEAR,
    "density": _CENTROIDS.DENSITY_BASED,
    "random": _CENTROIDS.RANDOM,
    "kmeans++": _CENTROIDS.KMEANS_PLUS_PLUS,
}


def clusterable_layers(
    model: keras.Model,
    clusters: int,
    *,
    exclude: Sequence[str] = (),
    per_layer: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Returns how many values each layer's kernel is to have, by name, of Dense and Conv2D layers.

    A kernel that has no more weights than clusters, zeros not counted, is passed over.

    Args:
        model: A functional or sequential model.
        clusters: The number of each layer that `per_layer` does not name.
        exclude: Names of layers to leave alone.
        per_layer: Other numbers, by name.

    Raises:
        ValueError: If the model is subclassed or nested, a name is no such layer, or a number is too small.
    """
    per_layer = dict(per_layer or {})
    require_flat(model, "clustering")
    names = [layer.name for layer in model.layers if isinstance(layer, CLUSTERABLE)]
    for setting, given in (("exclude", exclude), ("per_layer", per_layer)):
        for name in given:
            if name not in names:
                raise ValueError(f"{setting} names {name}, which is no layer to cluster; accepted: {', '.join(names)}")
    for name, number in {"every layer": clusters, **per_layer}.items():
        if number < FEWEST:
            raise ValueError(f"{number} clusters for {name}; accepted: {FEWEST} or more")
    numbers = {name: per_layer.get(name, clusters) for name in names if name not in exclude}
    return {
        name: number
        for name, number in numbers.items()
        if np.count_nonzero(model.get_layer(name).kernel.numpy()) > number
    }


def clusterable(
    model: keras.Model,
    clusters: int,
    *,
    initialization: Initialization = "kmeans++",
    exclude: Sequence[str] = (),
    per_layer: Mapping[str, int] | None = None,
) -> keras.Model:
    """Returns a copy of a model whose kernels are clustered while it is trained; the model itself is left alone.

    Train it, then call `strip`. A kernel that was pruned keeps its zeros: zero is one of its values. Give
    `KeepSparsity` of the copy to `fit` as well, for the pruned layers that are not clustered.

    Args:
        model: A functional or sequential model, already trained.
        clusters: How many values a kernel has, from 3 up.
        initialization: Where the values start: "linear", evenly from the least weight to the greatest; "density", so
            that each stands for as many weights; "random", anywhere between; "kmeans++", at weights far from each
            other (Arthur and Vassilvitskii 2007).
        exclude: Names of layers to leave alone.
        per_layer: Other numbers of clusters, by name.

    Raises:
        ValueError: If nothing is left to cluster, the initialization is unknown, and as in `clusterable_layers`.
    """
    if initialization not in INITIALIZATIONS:
        raise ValueError(f"initialization={initialization}; accepted: {', '.join(get_args(Initialization))}")
    numbers = clusterable_layers(model, clusters, exclude=exclude, per_layer=per_layer)
    if not numbers:
        raise ValueError(
            f"{model.name}: no layer to cluster; accepted: Dense and Conv2D layers with more than {clusters} weights "
            "that are not excluded"
        )
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in numbers:
            return layer
        return cluster_weights(
            layer,
            numbers[layer.name],
            INITIALIZATIONS[initialization],
            preserve_sparsity=weight_form(layer.kernel.numpy()).sparse,
            # The sum of all its weights' gradients, TFMOT's default, throws a value far off under plain SGD.
            cluster_gradient_aggregation=GradientAggregation.AVG,
        )

    return keras.models.clone_model(copy, clone_function=wrap)


def strip(model: keras.Model) -> keras.Model:
    """Returns the clustered model without TFMOT's wrappers; its weights keep their few values."""
    return tfmot.clustering.keras.strip_clustering(model)


def distinct_weights(model: keras.Model, names: Sequence[str]) -> dict[str, int]:
    """Returns how many different values the kernel of each named layer has."""
    return {name: len(np.unique(model.get_layer(name).kernel.numpy())) for name in names}
