"""How many arithmetic operations one inference takes, counted from the exported graph."""

import math
from pathlib import Path
from typing import Any

from pipeline.measurement.flatbuffer import load_model, operator_name
from pipeline.measurement.operator_kinds import ELEMENTWISE, NO_ARITHMETIC, POOLS, REDUCTIONS

Shape = tuple[int, ...]


def count_flops(path: Path) -> dict[str, Any]:
    """Counts the arithmetic operations of one inference on one example.

    A multiply-add is 2 operations, a bias 1 for each output value (as the TFLite converter's own estimate has it).
    Element by element operators count 1 for each output value, pooling 1 for each value of a window, reductions 1
    for each input value. Moving, casting and quantizing count 0, fused activations 0. Integer and float operations
    count alike.

    Args:
        path: The exported model. Sizes it leaves dynamic, such as the batch, count as 1; a batch fixed at export
            counts as it is.

    Returns:
        `flops`, the total; `by_op`, the figure of each kind of operator that computes; `uncounted`, sorted names of
        operators with no rule here (custom, recurrent, control flow), which the total leaves out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a complete TFLite model.

    Source: `GetArithmeticCount`, tensorflow/compiler/mlir/lite/ir/tfl_ops.cc.
    """
    model = load_model(path)
    graph = model.subgraphs[0]
    shapes = [_shape(tensor) for tensor in graph.tensors]
    by_op: dict[str, int] = {}
    uncounted: set[str] = set()
    for operator in graph.operators or []:
        name = operator_name(model, operator)
        flops = _operator_flops(name, operator, shapes)
        if flops is None:
            uncounted.add(name)
        elif name not in NO_ARITHMETIC:
            by_op[name] = by_op.get(name, 0) + flops
    return {"flops": sum(by_op.values()), "by_op": dict(sorted(by_op.items())), "uncounted": sorted(uncounted)}


def _shape(tensor: Any) -> Shape:
    sizes = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return tuple(1 if size < 0 else int(size) for size in (sizes if sizes is not None else ()))


def _operator_flops(name: str, operator: Any, shapes: list[Shape]) -> int | None:
    """Counts one operator, None if there is no rule for it."""
    if name in NO_ARITHMETIC:
        return 0
    # Index -1 marks an optional input left out, such as a bias.
    inputs = [shapes[index] if index >= 0 else None for index in operator.inputs]
    outputs = math.prod(shapes[operator.outputs[0]])
    if name in ELEMENTWISE:
        return outputs
    if name in POOLS:
        return operator.builtinOptions.filterHeight * operator.builtinOptions.filterWidth * outputs
    if name in REDUCTIONS:
        return math.prod(inputs[0] or ())
    if name == "ADD_N":
        return (len(inputs) - 1) * outputs
    return _multiply_add_flops(name, operator, inputs, outputs)


def _multiply_add_flops(name: str, operator: Any, inputs: list[Shape | None], outputs: int) -> int | None:
    """Counts the operators made of multiply-adds; weight layouts are those of the schema."""
    first, second = inputs[0] or (), (inputs[1] or ()) if len(inputs) > 1 else ()
    if name == "CONV_2D":  # weights: out, height, width, in
        return 2 * outputs * math.prod(second[1:]) + _bias_flops(inputs, 2, outputs)
    if name == "DEPTHWISE_CONV_2D":  # weights: 1, height, width, out
        return 2 * outputs * math.prod(second[1:3]) + _bias_flops(inputs, 2, outputs)
    if name == "FULLY_CONNECTED":  # weights: out, in
        return 2 * outputs * second[-1] + _bias_flops(inputs, 2, outputs)
    if name == "TRANSPOSE_CONV":  # weights: out, height, width, in; each input value meets the whole kernel
        return 2 * math.prod(inputs[2] or ()) * math.prod(second[:3]) + _bias_flops(inputs, 3, outputs)
    if name == "BATCH_MATMUL":
        return 2 * outputs * first[-2 if operator.builtinOptions.adjX else -1]
    return None


def _bias_flops(inputs: list[Shape | None], position: int, outputs: int) -> int:
    return outputs if len(inputs) > position and inputs[position] is not None else 0
