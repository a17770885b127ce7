"""How many bytes a stage of a pipeline holds between forward and backward passes, counted from the traced graph."""

import math
from collections.abc import Sequence

from pipeline.distribution.pipeline_schedule import Task, most_held
from pipeline.distribution.pipeline_stage import PlacedStage
from pipeline.keras import tf

VIEWS = ("Reshape", "Identity", "ExpandDims", "Squeeze", "StopGradient")
"""Operations that give the bytes that they take."""

RESERVED = ("FusedBatchNormV3", 5)
"""An output, by its operation and place, that holds something on a GPU only and whose shape is therefore open."""

NO_ACTIVATION = ("Const", "ReadVariableOp", "VarHandleOp")
"""Operations whose outputs are there anyway."""


def activations(stage: PlacedStage, number: int, tasks: Sequence[Task], examples: int, *, recompute: bool) -> int:
    """Returns the most bytes of activations that a stage holds at once in a step.

    Each micro-batch that has gone forward and not back counts whatever the stage's backward pass reads of the forward
    one, its inputs included, as TensorFlow traces it (its optimizer may then merge some); weights, gradients and the
    loss's own values do not count. With `recompute` each counts its inputs alone, and one of them all.

    Args:
        stage: Which.
        number: Its place.
        tasks: From `order`.
        examples: In a micro-batch.
        recompute: As in `PlacedStage.forward`.
    """
    each, inputs = _held(stage, examples)
    most = most_held(tasks, number)
    return most * inputs + each - inputs if recompute else most * each


def _held(stage: PlacedStage, examples: int) -> tuple[int, int]:
    """Returns the bytes that one micro-batch leaves, and those of them that are the stage's inputs.

    With `recompute` all inputs are held, read by the backward pass or not; here they are counted alike.
    """
    graph = tf.__internal__.FuncGraph("memory")
    with graph.as_default():
        stage.begin()
        inputs = [
            tf.compat.v1.placeholder(each.dtype, (examples, *each.shape[1:]), name="input")
            for each in stage.model.inputs
        ]
        outputs, saved = stage.forward(inputs, None, recompute=False)
        before = {operation.name for operation in graph.get_operations()}
        stage.backward(saved, [tf.ones_like(each) for each in outputs], None)
        after = [operation for operation in graph.get_operations() if operation.name not in before]
    read = [_source(tensor) for operation in after for tensor in operation.inputs if tensor.op.name in before]
    given = {each.ref() for each in inputs}
    captured = {each.ref() for each in graph.internal_captures}
    held = {
        each.ref()
        for each in read
        if each.op.type not in NO_ACTIVATION and each.dtype != tf.resource and each.ref() not in captured
    }
    return sum(_bytes(each.deref()) for each in held | given), sum(map(_bytes, inputs))


def _source(tensor: tf.Tensor) -> tf.Tensor:
    while tensor.op.type in VIEWS:
        tensor = tensor.op.inputs[0]
    return tensor


def _bytes(tensor: tf.Tensor) -> int:
    if (tensor.op.type, tensor.value_index) == RESERVED:
        return 0
    return math.prod(size or 1 for size in tensor.shape) * tensor.dtype.size
