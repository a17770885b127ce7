"""A user's own model, checked and brought into the form of the project's: raw features in, logits out."""

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.keras import keras, tf
from pipeline.models.files import foreign_parts, refusal

PROBABILITIES = {"classification": "softmax", "multi_label": "sigmoid"}
"""The activation that turns a task's logits into probabilities."""


def adopt(
    model: Any, feature_shape: Sequence[int], outputs: int, *, task: str = "classification", scale: float = 1.0
) -> tuple[keras.Model, list[str]]:
    """Returns a functional copy of a model that takes raw features and gives logits, and what was changed.

    A final softmax, of a multi-label task a final sigmoid, is taken off: what it is given are the logits.

    Args:
        model: A functional or sequential model of Keras 2 (tf_keras) with one input and one output; it is left alone.
        feature_shape: Shape of one example.
        outputs: How many classes or labels; 1 for a regression.
        task: "classification", "multi_label", or "regression", whose output is in the target's units.
        scale: What the model expects raw features to be divided by; a layer that does it is put in front.

    Raises:
        ValueError: If the model does not fit, has parts that are not Keras's own, or ends in another activation.
    """
    _check_kind(model)
    _check_shapes(model, tuple(feature_shape), outputs)
    functional = _changed(keras.Model(model.inputs, model.outputs, name=model.name))
    notes = []
    ending = _ending(functional)
    if task != "regression" and ending != "linear":
        if ending != PROBABILITIES[task]:
            raise ValueError(
                f"{model.name}: ends in {ending}; accepted: logits, which is no activation, or {PROBABILITIES[task]}"
            )
        notes.append(f"the final {ending} was taken off: the outputs are logits")
        functional = _without_ending(functional)
    if scale != 1:
        notes.append(f"a layer that divides the features by {scale:g} was put in front")
        functional = _changed(functional, lambda config: _scale_first(config, scale))
    return functional, notes


def require_logits(outputs: np.ndarray, task: str) -> None:
    """Refuses what a model gives for real examples if it is not finite, or looks like probabilities.

    Args:
        outputs: Of shape (examples, outputs).
        task: As in `adopt`.

    Raises:
        ValueError: If so.
    """
    if not np.isfinite(outputs).all():
        raise ValueError("outputs that are not finite for examples of the data; accepted: finite ones")
    likely = bool((outputs >= 0).all() and (outputs <= 1).all())
    if task == "classification":
        likely = likely and np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
    if likely and task != "regression":
        raise ValueError("outputs that look like probabilities; accepted: logits, before softmax or sigmoid")


def _check_kind(model: Any) -> None:
    if not isinstance(model, keras.Model):
        kind = type(model)
        raise ValueError(f"a {kind.__module__}.{kind.__qualname__}; accepted: a model of Keras 2, which is tf_keras")
    if not isinstance(model, keras.Sequential) and not model._is_graph_network:  # tf_keras has no public test for it
        raise ValueError(f"{model.name}: a subclassed model; accepted: a functional or sequential one")
    if not model.inputs:
        raise ValueError(f"{model.name}: has no input shape; accepted: a model that begins with keras.Input(shape)")
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    except Exception as error:  # a layer's own get_config may raise anything
        raise ValueError(f"{model.name}: can't be saved: {' '.join(str(error).split())}") from error
    if foreign := foreign_parts(config):
        raise refusal(model.name, foreign)


def _check_shapes(model: keras.Model, feature_shape: tuple[int, ...], outputs: int) -> None:
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise ValueError(f"{model.name}: has {len(tensors)} {what}; accepted: 1")
        if tensors[0].dtype != tf.float32:
            raise ValueError(f"{model.name}: {what} of dtype {tensors[0].dtype.name}; accepted: float32")
    for what, found, shape in (
        ("takes", model.inputs[0].shape, (None, *feature_shape)),
        ("gives", model.outputs[0].shape, (None, outputs)),
    ):
        if tuple(found) != shape:
            raise ValueError(f"{model.name}: {what} {tuple(found)}; accepted: {shape}, by the data")


def _ending(model: keras.Model) -> str:
    """Returns the name of the activation behind which the output comes."""
    last = model.get_layer(model.output_names[0])
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    activation = getattr(last, "activation", keras.activations.linear)
    return str(getattr(activation, "__name__", type(activation).__name__)).lower()


def _without_ending(model: keras.Model) -> keras.Model:
    last = model.get_layer(model.output_names[0])
    if len(last.inbound_nodes) > 1:
        raise ValueError(f"{last.name}: the last layer is used more than once; accepted: once, or without activation")
    if isinstance(last, keras.layers.Softmax | keras.layers.Activation):
        return keras.Model(model.inputs, last.input, name=model.name)

    def linear(config: dict[str, Any]) -> None:
        (layer,) = (each for each in config["layers"] if each["name"] == last.name)
        layer["config"]["activation"] = "linear"

    return _changed(model, linear)


def _scale_first(config: dict[str, Any], scale: float) -> None:
    """Puts a Rescaling in the place, and under the name, of the input layer, so that all who read it read that."""
    (layer,) = (each for each in config["layers"] if each["name"] == config["input_layers"][0][0])
    raw = copy.deepcopy(layer)
    raw["name"] = raw["config"]["name"] = f"raw_{layer['name']}"
    layer.update(
        keras.saving.serialize_keras_object(keras.layers.Rescaling(1 / scale, name=layer["name"])),
        inbound_nodes=[[[raw["name"], 0, 0, {}]]],
    )
    config["layers"].insert(0, raw)
    config["input_layers"] = [[raw["name"], 0, 0]]


def _changed(model: keras.Model, change: Callable[[dict[str, Any]], None] | None = None) -> keras.Model:
    """Returns a copy with the same weights, whose configuration may be changed."""
    config = copy.deepcopy(model.get_config())
    if change:
        change(config)
    made = keras.Model.from_config(config)
    made.set_weights(model.get_weights())
    return made
