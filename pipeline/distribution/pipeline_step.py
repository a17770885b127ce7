"""One step of a pipeline: a batch cut into micro-batches, passed through all stages and back."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline.distribution.pipeline_schedule import Task
from pipeline.distribution.pipeline_split import Key
from pipeline.distribution.pipeline_stage import Gradient, PlacedStage, Saved
from pipeline.keras import tf

Loss = Callable[..., tf.Tensor]
"""From labels, outputs and weights (or None) of some examples to the mean of their losses."""


@dataclass(frozen=True)
class Outcome:
    """What a step has found.

    Attributes:
        gradients: Of each stage's trainable variables, as of the whole batch; None where there is none.
        outputs: Of the model, for each example.
        penalties: The losses of the regularizers of weights.
    """

    gradients: list[list[Gradient]]
    outputs: tf.Tensor
    penalties: list[tf.Tensor]


class Cut:
    """A batch of n examples cut into micro-batches of n/m, rounded down or up.

    Where there are fewer examples than micro-batches, some micro-batches would be empty, which batch normalization
    can't bear: these hold one example that another one holds too, and weigh nothing.

    Args:
        batch: Whose first axis is cut.
        count: How many micro-batches.
    """

    def __init__(self, batch: tf.Tensor, count: int) -> None:
        size = batch.shape[0] if batch.shape[0] is not None else tf.shape(batch)[0]
        edges = [size * each // count for each in range(count + 1)]
        larger: Callable[[Any, Any], Any] = max if isinstance(size, int) else tf.maximum
        self._starts = edges[:-1]
        self._stops = [larger(stop, start + 1) for start, stop in pairwise(edges)]
        self._real = [stop - start for start, stop in pairwise(edges)]
        self.shares = [tf.cast(each, tf.float32) / tf.cast(size, tf.float32) for each in self._real]

    def __call__(self, values: tf.Tensor | None) -> list[Any]:
        """Returns the micro-batches of a tensor; of None as many times None."""
        if values is None:
            return [None] * len(self._starts)
        return [values[start:stop] for start, stop in zip(self._starts, self._stops, strict=True)]

    def join(self, micro_batches: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns what was cut, without what weighs nothing."""
        return tf.concat([each[:real] for each, real in zip(micro_batches, self._real, strict=True)], axis=0)


def train(
    stages: Sequence[PlacedStage],
    tasks: Sequence[Task],
    micro_batches: int,
    batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor | None],
    loss: Loss,
    *,
    recompute: bool = False,
) -> Outcome:
    """Computes the gradients of a whole batch, within one `tf.function`.

    Args:
        stages: The model.
        tasks: From `order`.
        micro_batches: How many.
        batch: Features, labels, and weights or None.
        loss: What is minimized.
        recompute: As in `PlacedStage.forward`.
    """
    features, labels, weights = batch
    cut = Cut(features, micro_batches)
    taught = list(zip(cut(labels), cut(weights), cut.shares, strict=True))
    values = _entries(stages, cut(features))
    returned: dict[tuple[Key, int], list[Gradient]] = defaultdict(list)
    saved: dict[tuple[int, int], Saved] = {}
    sums: list[list[Gradient]] = [[None] * len(stage.variables) for stage in stages]
    last = len(stages) - 1
    for stage in stages:
        stage.begin()
    for number, micro, forward in tasks:
        stage = stages[number]
        goal = _goal(loss, *taught[micro]) if number == last else None
        with stage.turn() as ends:
            if forward:
                inputs = [values[key, micro] for key in stage.part.inputs]
                outputs, saved[number, micro] = stage.forward(inputs, goal, recompute=recompute)
                values.update({(key, micro): each for key, each in zip(stage.part.outputs, outputs, strict=True)})
                ends += [*outputs, *saved[number, micro].targets]
            else:
                given = [_sum(returned.pop((key, micro), [])) for key in stage.part.outputs]
                back, own = stage.backward(saved.pop((number, micro)), given, goal)
                for key, each in zip(stage.part.inputs, back, strict=True):
                    returned[key, micro].append(each)
                sums[number] = [_add(total, each) for total, each in zip(sums[number], own, strict=True)]
                ends += [each for each in (*back, *sums[number]) if each is not None]
    penalties: list[tf.Tensor] = []
    for number, stage in enumerate(stages):
        with stage.turn():
            losses, gradients = stage.penalties()
            penalties += losses
            if losses:
                sums[number] = [_add(total, each) for total, each in zip(sums[number], gradients, strict=True)]
    with tf.device(stages[-1].device):
        outputs = cut.join([values[stages[-1].part.outputs[0], micro] for micro in range(micro_batches)])
    return Outcome(sums, outputs, penalties)


def predict(stages: Sequence[PlacedStage], micro_batches: int, features: tf.Tensor) -> tf.Tensor:
    """Returns the model's outputs, not in training."""
    cut = Cut(features, micro_batches)
    values = _entries(stages, cut(features))
    for stage in stages:
        stage.begin()
        for micro in range(micro_batches):
            with stage.turn() as ends:
                outputs = stage([values[key, micro] for key in stage.part.inputs], training=False)
                ends += outputs
            values.update({(key, micro): each for key, each in zip(stage.part.outputs, outputs, strict=True)})
    with tf.device(stages[-1].device):
        return cut.join([values[stages[-1].part.outputs[0], micro] for micro in range(micro_batches)])


def _entries(stages: Sequence[PlacedStage], features: Sequence[tf.Tensor]) -> dict[tuple[Key, int], tf.Tensor]:
    """Returns the micro-batches of the model's input, which no stage gives."""
    given = {key for stage in stages for key in stage.part.outputs}
    taken = {key for stage in stages for key in stage.part.inputs if key not in given}
    return {(key, micro): each for key in taken for micro, each in enumerate(features)}


def _goal(
    loss: Loss, labels: tf.Tensor, weights: tf.Tensor | None, share: tf.Tensor
) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda outputs: tf.cast(share, outputs.dtype) * loss(labels, outputs, weights)


def _sum(gradients: Sequence[Gradient]) -> Gradient:
    total: Gradient = None
    for each in gradients:
        total = _add(total, each)
    return total


def _add(total: Gradient, more: Gradient) -> Gradient:
    if total is None or more is None:
        return more if total is None else total
    if isinstance(total, tf.IndexedSlices) and isinstance(more, tf.IndexedSlices):
        values = tf.concat([total.values, more.values], axis=0)
        return tf.IndexedSlices(values, tf.concat([total.indices, more.indices], axis=0), total.dense_shape)
    return tf.convert_to_tensor(total) + tf.convert_to_tensor(more)
