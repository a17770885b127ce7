"""A model with some of its layers replaced by chains of layers that compute nearly the same at less cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.compression.flat import require_flat
from pipeline.keras import keras


@dataclass(frozen=True)
class Part:
    """A layer of a chain.

    Attributes:
        layer: A new layer. The last of a chain bears the name of the layer that the chain replaces.
        weights: Its weights, in Keras's order.
        copies: How many times it takes what comes before it; above 1 for a layer that joins its inputs.
    """

    layer: keras.layers.Layer
    weights: Sequence[np.ndarray] = ()
    copies: int = 1


def candidates(
    model: keras.Model, kind: type[keras.layers.Layer], names: Sequence[str], technique: str
) -> list[keras.layers.Layer]:
    """Returns the layers of exactly one type that a technique may replace, after a look at the whole model.

    Args:
        model: A functional or sequential model.
        kind: The type. Its subclasses compute something else and are passed over.
        names: The layers to consider; empty for all.
        technique: What wants to replace them, for messages.

    Raises:
        ValueError: If the model is subclassed, nested or not built, has a Lambda layer, or shares one of these layers;
            or if a name is no such layer.
    """
    require_flat(model, technique)
    if not model.built:
        raise ValueError(f"{model.name}: {technique} takes a model that knows its input shape; begin it with an Input")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Lambda):
            raise ValueError(f"{layer.name}: {technique} can't copy a Lambda layer; accepted: Keras's other layers")
    found = [layer for layer in model.layers if type(layer) is kind]
    accepted = [layer.name for layer in found]
    for name in names:
        if name not in accepted:
            known = ", ".join(accepted) or "none, the model has no such layer"
            raise ValueError(f"layers names {name}, which is no {kind.__name__} layer; accepted: {known}")
    chosen = [layer for layer in found if not names or layer.name in names]
    uses = {each["name"]: len(each["inbound_nodes"]) for each in _functional_config(model)["layers"]}
    for layer in chosen:
        if uses[layer.name] > 1:
            raise ValueError(
                f"{layer.name}: {technique} does not take a layer that is used {uses[layer.name]} times; "
                "accepted: layers used once, named in layers"
            )
    return chosen


def rewrite(model: keras.Model, chains: Mapping[str, Sequence[Part]]) -> keras.Model:
    """Returns a functional copy of a model in which chains stand for some layers; the model itself is left alone.

    Args:
        model: A functional or sequential model, as `candidates` accepts it.
        chains: For the name of each layer to replace, what replaces it, from input to output.

    Raises:
        ValueError: If a new layer's name is taken.
    """
    config = _functional_config(model)
    names = {layer.name for layer in model.layers}
    for name, chain in chains.items():
        for part in chain[:-1]:
            if part.layer.name in names:
                raise ValueError(f"{name}: its part {part.layer.name} has the name of another layer; rename that first")
    layers: list[dict[str, Any]] = []
    for layer in config["layers"]:
        layers += _serialized(chains[layer["name"]], layer["inbound_nodes"]) if layer["name"] in chains else [layer]
    copy = keras.Model.from_config({**config, "layers": layers})
    for layer in model.layers:
        if layer.name not in chains:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for part in (part for chain in chains.values() for part in chain):
        copy.get_layer(part.layer.name).set_weights(part.weights)
    return copy


def _functional_config(model: keras.Model) -> dict[str, Any]:
    if isinstance(model, keras.Sequential):  # its configuration has no inbound nodes
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    return model.get_config()


def _serialized(chain: Sequence[Part], inbound: Sequence[Any]) -> list[dict[str, Any]]:
    layers = []
    for part in chain:
        nodes = [list(node) * part.copies for node in inbound]
        layers.append(
            {
                **keras.saving.serialize_keras_object(part.layer),
                "name": part.layer.name,
                "inbound_nodes": nodes,
            }
        )
        inbound = [[[part.layer.name, 0, 0, {}]]]
    return layers
