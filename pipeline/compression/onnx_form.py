"""One form of an ONNX graph: names and an order that follow from what it computes alone."""

from collections import Counter
from typing import Any

BATCH = "batch"
"""The name of the dimension that is left open."""


def settle(model: Any) -> None:
    """Gives equal graphs equal names and one order, in place.

    tf2onnx numbers what it makes by how much the process has converted before, and of equal constants keeps one or
    another by Python's hash seed. Here nodes stand in the order in which the output needs them and are numbered by
    kind: `Conv_1`, its output `Conv_1:0`, a constant that it is the first to read `Conv_1/1`.

    A graph with loops, which recurrent layers may become, keeps its names and its order: the bodies of loops read
    values from outside by name.

    Args:
        model: An `onnx.ModelProto`; the first dimension of its inputs and outputs is the batch.
    """
    graph = model.graph
    graph.doc_string = ""  # holds the number of a TensorFlow function
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    nodes = _in_order(graph)
    names = _numbered(nodes, [value.name for value in (*graph.input, *graph.output)])
    constants = {constant.name: constant for constant in graph.initializer}
    used = [constants[name] for name in names if name in constants]
    for constant in used:
        constant.name = names[constant.name]
    for node in nodes:
        node.input[:] = [names[value] for value in node.input]
        node.output[:] = [names[value] for value in node.output]
    for held, kept in ((graph.node, nodes), (graph.initializer, used), (graph.value_info, [])):
        del held[:]
        held.extend(kept)


def _in_order(graph: Any) -> list[Any]:
    """Returns the nodes that the outputs need, each behind those whose values it reads, in the order of its inputs."""
    nodes = list(graph.node)
    made_by = {value: place for place, node in enumerate(nodes) for value in node.output}
    order: dict[int, None] = {}
    waiting = [made_by[value.name] for value in reversed(graph.output) if value.name in made_by]
    while waiting:
        first = (made_by[value] for value in nodes[waiting[-1]].input if value in made_by)
        missing = next((place for place in first if place not in order), None)
        if missing is None:
            order[waiting.pop()] = None
        else:
            waiting.append(missing)
    return [nodes[place] for place in order]


def _numbered(nodes: list[Any], fixed: list[str]) -> dict[str, str]:
    """Names the nodes and returns the new name of each value, by its old one, in the order of first use."""
    names = {"": "", **{name: name for name in fixed}}  # the empty name stands for an input that is left out
    counts: Counter[str] = Counter()
    for node in nodes:
        counts[node.op_type] += 1
        node.name = f"{node.op_type}_{counts[node.op_type]}"
        for place, value in enumerate(node.input):
            names.setdefault(value, f"{node.name}/{place}")
        for place, value in enumerate(node.output):
            names.setdefault(value, f"{node.name}:{place}")
    return names
