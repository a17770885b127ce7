"""What a training minimizes and reports, by task."""

from typing import Any

from pipeline.keras import keras, tf

HEADLINES = {"classification": "accuracy", "regression": "rmse", "multi_label": "binary_accuracy"}


def headline(task: str) -> str:
    """Returns the name of the metric that sums a training up; in the history, "val_" stands before that of validation.

    Raises:
        ValueError: If the task is unknown.
    """
    if task not in HEADLINES:
        raise ValueError(f"task {task!r} is unknown; accepted: {', '.join(HEADLINES)}")
    return HEADLINES[task]


def objective(task: str, *, soft: bool = False, target_variance: float = 1.0) -> dict[str, Any]:
    """Returns the loss and the metrics as arguments of Keras's `compile`.

    Args:
        task: "classification": cross-entropy of logits, and accuracy. "regression": mean squared error divided by
            `target_variance`, so that always predicting the mean costs 1; mean absolute and root mean squared error
            in the target's units. "multi_label": binary cross-entropy of logits, and the share of labels that are
            right, where a mixed label counts as set above one half.
        soft: Whether the labels of a classification are float32 rows over the classes rather than class indices.
        target_variance: Of a regression's target.

    Raises:
        ValueError: If the task is unknown.
    """
    name, losses, metrics = headline(task), keras.losses, keras.metrics
    if task == "regression":
        measured = [metrics.RootMeanSquaredError(name=name), metrics.MeanAbsoluteError(name="mae")]
        return {"loss": losses.MeanSquaredError(), "loss_weights": [1 / target_variance], "weighted_metrics": measured}
    if task == "multi_label":
        return {
            "loss": losses.BinaryCrossentropy(from_logits=True),
            "weighted_metrics": [metrics.MeanMetricWrapper(_labels_right, name=name)],
        }
    if soft:
        return {
            "loss": losses.CategoricalCrossentropy(from_logits=True),
            "weighted_metrics": [metrics.CategoricalAccuracy(name=name)],
        }
    return {
        "loss": losses.SparseCategoricalCrossentropy(from_logits=True),
        "weighted_metrics": [metrics.SparseCategoricalAccuracy(name=name)],
    }


def _labels_right(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    right = (tf.cast(labels, logits.dtype) > 0.5) == (logits > 0)
    return tf.reduce_mean(tf.cast(right, tf.float32), axis=-1)


def soft_labels(batches: tf.data.Dataset, classes: int) -> tf.data.Dataset:
    """Returns batches whose class indices are one-hot rows; rows, and sample weights, are left as they are."""
    if batches.element_spec[1].shape.rank != 1:
        return batches
    return batches.map(lambda features, labels, *weights: (features, tf.one_hot(labels, classes), *weights))
