"""The end of every model: what it predicts, by task."""

import math
from typing import Any

from pipeline.keras import keras

OUTPUTS = {"classification": (2, math.inf), "regression": (1, 1), "multi_label": (1, math.inf)}
"""The fewest and the most outputs of each task."""


def head(x: Any, outputs: int, *, task: str, target_mean: float, target_variance: float) -> Any:
    """Returns a model's output, a Dense layer named "logits" and what the task needs behind it.

    Args:
        x: The last hidden layer.
        outputs: How many.
        task: "classification": a logit for each class; two classes have two logits. "multi_label": a logit for each
            label. "regression": one number, in the target's units.
        target_mean: Of a regression's target.
        target_variance: The same. The layer before it works on a target of mean 0 and variance 1.

    Raises:
        ValueError: If the task is unknown, or does not have that many outputs.
    """
    if task not in OUTPUTS:
        raise ValueError(f"task {task!r} is unknown; accepted: {', '.join(OUTPUTS)}")
    least, most = OUTPUTS[task]
    if not least <= outputs <= most:
        raise ValueError(f"{outputs} outputs for {task}; accepted: {least}{' or more' if most > least else ''}")
    logits = keras.layers.Dense(outputs, name="logits")(x)
    if task != "regression":
        return logits
    return keras.layers.Rescaling(math.sqrt(target_variance), target_mean, name="target")(logits)
