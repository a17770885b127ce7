"""A Keras model whose `fit` trains it as a pipeline of stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.distribution.pipeline_schedule import Task
from pipeline.distribution.pipeline_stage import PlacedStage
from pipeline.distribution.pipeline_step import Loss, predict, train
from pipeline.keras import keras, tf

REDUCTIONS = (keras.losses.Reduction.AUTO, keras.losses.Reduction.SUM_OVER_BATCH_SIZE)


@dataclass(frozen=True)
class Plan:
    """How a batch goes through the stages.

    Attributes:
        stages: The model.
        tasks: From `order`.
        micro_batches: How many a batch is cut into.
        recompute: As in `PlacedStage.forward`.
    """

    stages: Sequence[PlacedStage]
    tasks: Sequence[Task]
    micro_batches: int
    recompute: bool


class Pipelined(keras.Model):
    """A functional model that lies on several devices.

    Its loss must be a mean over the examples of a batch, so that micro-batches can be weighed.

    Args:
        model: The whole, each layer's variables on the device of its stage.
        plan: How it is trained.
    """

    def __init__(self, model: keras.Model, plan: Plan) -> None:
        super().__init__(inputs=model.inputs, outputs=model.outputs, name=model.name)
        self._plan = plan

    def compile(self, optimizer: Any, loss: Any = None, *, loss_weights: Any = None, **arguments: Any) -> None:
        """Sets optimizer, loss and metrics, as Keras's own.

        Raises:
            ValueError: If the loss is not a mean over examples.
        """
        super().compile(optimizer, loss, loss_weights=loss_weights, **arguments)
        self._micro_loss = micro_loss(loss, loss_weights)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes one step on a batch, as if it were not cut but for batch normalization."""
        features, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        plan = self._plan
        batch = features, labels, weights
        found = train(plan.stages, plan.tasks, plan.micro_batches, batch, self._micro_loss, recompute=plan.recompute)
        pairs = [
            pair
            for stage, gradients in zip(plan.stages, found.gradients, strict=True)
            for pair in zip(gradients, stage.variables, strict=True)
        ]
        self.optimizer.apply_gradients(pairs)
        self.compiled_loss(labels, found.outputs, weights, regularization_losses=found.penalties)
        return self.compute_metrics(features, labels, found.outputs, weights)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Judges one batch."""
        features, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs = predict(self._plan.stages, self._plan.micro_batches, features)
        penalties = [loss for stage in self._plan.stages for loss in stage.penalties()[0]]
        self.compiled_loss(labels, outputs, weights, regularization_losses=penalties)
        return self.compute_metrics(features, labels, outputs, weights)


def micro_loss(loss: Any, loss_weights: Any = None) -> Loss:
    """Returns the mean loss of some examples, as Keras's `compile` would have it.

    Args:
        loss: A loss of Keras, its name, or a function of labels and outputs.
        loss_weights: None, a number, or a list of one.

    Raises:
        ValueError: If it is not a mean over examples.
    """
    made = keras.losses.get(loss)
    if not isinstance(made, keras.losses.Loss):
        made = PerExample(made)
    if made.reduction not in REDUCTIONS:
        raise ValueError(
            f"loss {made.name} is reduced by {made.reduction}; accepted in a pipeline: a mean over examples"
        )
    factor = float(tf.nest.flatten(loss_weights)[0]) if loss_weights is not None else 1.0

    def mean(labels: tf.Tensor, outputs: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        if labels.shape.rank == 1 and outputs.shape.rank == 2:
            labels = labels[:, None]  # as Keras does; else a regression's would be spread over all pairs of examples
        if labels.dtype.is_floating and outputs.dtype.is_floating:
            labels = tf.cast(labels, outputs.dtype)
        return factor * made(labels, outputs, sample_weight=weights)

    return mean


class PerExample(keras.losses.Loss):
    """A function of labels and outputs as a loss.

    Args:
        function: Gives one number for each example.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(name=getattr(function, "__name__", "loss"))
        self._function = function

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the losses."""
        return self._function(y_true, y_pred)
