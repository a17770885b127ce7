"""Distillation of a teacher, or several, into a smaller student (Hinton et al., arXiv:1503.02531).

The teacher's logits are computed once (`teach`), and lie beside the labels in the rows that the student is trained on
(`taught_rows`). The student is a plain Keras model, before and after: all that is special is what it is compiled with
(`distillation_objective`). With a teacher of the student's own family this is a born-again network (arXiv:1805.04770).
"""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.keras import keras, tf

LEAST = 1.2e-38
"""Stands for a probability of 0, which has no logarithm: the smallest normal float32."""


class DistillationLoss(keras.losses.Loss):
    """alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) * cross-entropy with the label.

    T^2 makes up for the gradients of the first term, which shrink as 1 / T^2. Rows that hold a label alone, as those of
    a validation part, cost the whole cross-entropy, so that students of any T and alpha can be compared.

    Args:
        temperature: T, above 0; a high one shows the student how the teacher ranks the wrong classes.
        alpha: Share of the teacher's term, 0 to 1; 0 is a training without a teacher.

    Raises:
        ValueError: If one of them is out of range.
    """

    def __init__(self, temperature: float, alpha: float) -> None:
        super().__init__(name="distillation")
        if not temperature > 0:
            raise ValueError(f"temperature {temperature}; accepted: above 0")
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha {alpha}; accepted: 0 to 1")
        self.temperature, self.alpha = temperature, alpha

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns each example's loss, of shape (batch,).

        Args:
            y_true: Rows of a label, and the teacher's logits after it: shape (batch, 1 + classes), or (batch, 1).
            y_pred: The student's logits, shape (batch, classes).
        """
        if y_true.shape[-1] == 1 or self.alpha == 0:
            return _cross_entropy(y_true, y_pred)
        teacher = tf.cast(y_true[:, 1:], y_pred.dtype) / self.temperature
        wanted, given = tf.nn.log_softmax(teacher), tf.nn.log_softmax(y_pred / self.temperature)
        divergence = tf.reduce_sum(tf.exp(wanted) * (wanted - given), axis=-1)
        taught = self.alpha * self.temperature**2 * divergence
        return taught if self.alpha == 1 else taught + (1 - self.alpha) * _cross_entropy(y_true, y_pred)


def _cross_entropy(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    return keras.losses.sparse_categorical_crossentropy(y_true[:, :1], y_pred, from_logits=True)


def label_accuracy(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns 1 for each example whose label the student's largest logit hits, else 0; arguments as in the loss."""
    return keras.metrics.sparse_categorical_accuracy(y_true[:, :1], y_pred)


def distillation_objective(temperature: float, alpha: float) -> dict[str, Any]:
    """Returns the loss and the accuracy as arguments of Keras's `compile`.

    Raises:
        ValueError: As `DistillationLoss`.
    """
    accuracy = keras.metrics.MeanMetricWrapper(label_accuracy, name="accuracy")
    return {"loss": DistillationLoss(temperature, alpha), "weighted_metrics": [accuracy]}


def taught_rows(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns float32 rows of a label and the teacher's logits after it, shape (n, 1 + classes).

    Args:
        labels: Classes, shape (n,); any below 2^24 is exact in float32.
        logits: The teacher's, shape (n, classes).
    """
    return tf.concat([tf.cast(labels, tf.float32)[:, None], tf.cast(logits, tf.float32)], axis=1)


Taught = tuple[tf.Tensor, list[tf.Tensor]]
"""The ensemble's logits, and those of each teacher."""


def teach(teachers: Sequence[keras.Model], classes: int) -> Callable[[tf.Tensor], Taught]:
    """Returns a compiled function from features to what the teachers say of them.

    An ensemble's logits are the mean of its teachers'. Softened at any temperature, that is the geometric mean of their
    softened distributions (the paper allows it beside the arithmetic one), so one set of logits serves them all. A
    teacher that ends in a softmax is taken by the logarithms of its probabilities: logits but for a constant, which no
    softmax sees.

    Args:
        teachers: Classifiers, one or more, of the same features and classes; they are left as they are.
        classes: How many.

    Raises:
        ValueError: If there is no teacher, or one is subclassed or has not an output for each class.
    """
    if not teachers:
        raise ValueError("no teacher; accepted: one or more")
    for model in teachers:
        if not getattr(model, "_is_graph_network", False):
            raise ValueError(f"teacher {model.name} is subclassed; accepted: a functional or sequential model, built")
        if model.output_shape != (None, classes):
            raise ValueError(
                f"teacher {model.name} gives outputs of shape {model.output_shape}, and the data has {classes} "
                f"classes; accepted: (None, {classes})"
            )
    # Found here, for a compiled function may run after the models have changed.
    soft = [gives_probabilities(model) for model in teachers]

    @tf.function(reduce_retracing=True)
    def outputs(features: tf.Tensor) -> Taught:
        each = [_logits(model(features, training=False), known) for model, known in zip(teachers, soft, strict=True)]
        return (each[0] if len(each) == 1 else tf.add_n(each) / len(each)), each

    return outputs


def _logits(outputs: tf.Tensor, probabilities: bool) -> tf.Tensor:
    outputs = tf.cast(outputs, tf.float32)
    return tf.math.log(tf.maximum(outputs, LEAST)) if probabilities else outputs


def gives_probabilities(model: keras.Model) -> bool:
    """Returns whether a model ends in a softmax."""
    layer = model.output._keras_history.layer
    if isinstance(layer, keras.Model):
        return gives_probabilities(layer)
    return isinstance(layer, keras.layers.Softmax) or getattr(layer, "activation", None) is keras.activations.softmax
