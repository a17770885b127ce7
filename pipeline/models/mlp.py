"""A multilayer perceptron."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras


def mlp(features: Any, scaled: Any, classes: int, *, units: Sequence[int], dropout: float) -> keras.Model:
    """Returns a multilayer perceptron that gives logits.

    Args:
        features: The model's input.
        scaled: Its scaled form; images are flattened.
        classes: How many logits.
        units: Width of each hidden layer.
        dropout: Share of the last hidden layer's outputs that training drops.
    """
    x = keras.layers.Flatten(name="flatten")(scaled)
    for number, width in enumerate(units, start=1):
        x = keras.layers.Dense(width, activation="relu", name=f"dense_{number}")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(features, keras.layers.Dense(classes, name="logits")(x), name="mlp")
