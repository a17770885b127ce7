"""The front of every model: raw features in, scaled features on, so that a served model takes raw data."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras, tf


def scaled_input(
    feature_shape: Sequence[int], *, scale: float = 1.0, mean: Sequence[float] = (), variance: Sequence[float] = ()
) -> tuple[Any, Any]:
    """Returns a model's input and its scaled form.

    Args:
        feature_shape: Shape of one example, without the batch.
        scale: What images are divided by.
        mean: The mean of each feature, for tables; empty for images.
        variance: The variance of each feature, for tables.
    """
    features = keras.Input(tuple(feature_shape), name="features", dtype=tf.float32)
    if len(mean):
        return features, keras.layers.Normalization(mean=list(mean), variance=list(variance), name="scaling")(features)
    return features, keras.layers.Rescaling(1.0 / scale, name="scaling")(features)
