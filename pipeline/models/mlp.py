"""A multilayer perceptron."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras
from pipeline.models.head import head


def mlp(
    features: Any,
    scaled: Any,
    outputs: int,
    *,
    units: Sequence[int],
    dropout: float,
    task: str = "classification",
    target_mean: float = 0.0,
    target_variance: float = 1.0,
) -> keras.Model:
    """Returns a multilayer perceptron.

    Args:
        features: The model's input.
        scaled: Its scaled form; images are flattened.
        outputs: How many logits; 1 for a regression.
        units: Width of each hidden layer.
        dropout: Share of the last hidden layer's outputs that training drops.
        task: As in `head`.
        target_mean: The same.
        target_variance: The same.

    Raises:
        ValueError: If the task does not have that many outputs.
    """
    x = keras.layers.Flatten(name="flatten")(scaled)
    for number, width in enumerate(units, start=1):
        x = keras.layers.Dense(width, activation="relu", name=f"dense_{number}")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    made = head(x, outputs, task=task, target_mean=target_mean, target_variance=target_variance)
    return keras.Model(features, made, name="mlp")
