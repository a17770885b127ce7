"""Where a functional model is cut into the stages of a pipeline."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from pipeline.distribution.pipeline_costs import bytes_each, multiply_adds
from pipeline.keras import keras

Key = tuple[str, int]
"""A tensor: the layer that gives it, and its place among what that gives."""


@dataclass(frozen=True)
class Part:
    """Layers that follow one another and are computed by one stage.

    Attributes:
        layers: Their names.
        inputs: What they take from other stages, or from the model's input.
        outputs: What other stages take from them, or the model gives; what several stages take is sent to each.
        cost: Multiply-adds of one example.
        sent: Bytes of one example that go to other stages.
    """

    layers: tuple[str, ...]
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    cost: int
    sent: int


def split(model: keras.Model, stages: int, cuts: Sequence[str] | None = None) -> list[Part]:
    """Cuts a model into stages, in the topological order of its layers.

    Args:
        model: Functional or sequential, with one input and one output.
        stages: How many.
        cuts: The last layer of each stage but the last; None: where the costliest stage is the cheapest possible, and
            among such cuts where the fewest bytes are sent.

    Raises:
        ValueError: If the model can't be cut, or not there.
    """
    nodes = _nodes(model)
    names = [node.layer.name for node in nodes]
    if stages > len(nodes):
        raise ValueError(f"{stages} stages of a model of {len(nodes)} layers; accepted: at most a stage a layer")
    costs = [multiply_adds(node) for node in nodes]
    bounds = partition(costs, _crossing(nodes), stages) if cuts is None else _named(names, cuts, stages)
    result = _key(model.outputs[0])
    return [
        _part(nodes[low:high], [*nodes[:low], *nodes[high:]], result, sum(costs[low:high]))
        for low, high in pairwise([0, *bounds, len(nodes)])
    ]


def partition(costs: Sequence[int], crossing: Sequence[int], parts: int) -> list[int]:
    """Returns where to cut a list so that the largest sum of a part is the smallest possible, and then crossing too.

    Args:
        costs: At least as many as parts.
        crossing: What a cut before each element costs, summed over all cuts.
        parts: How many, none of them empty.

    Returns:
        The first element of each part but the first.
    """
    sums, count = [0, *accumulate(costs)], len(costs)
    largest = [math.inf] * (count + 1)  # of the best cut of the first so many elements
    largest[0] = 0
    for _ in range(parts):
        largest = [
            min((max(largest[low], sums[high] - sums[low]) for low in range(high)), default=math.inf)
            for high in range(count + 1)
        ]
    bound = largest[count]
    best: list[tuple[float, list[int]]] = [(math.inf, [])] * (count + 1)
    best[0] = (0, [])
    for _ in range(parts):
        best = [
            min(
                (
                    (best[low][0] + (crossing[low] if low else 0), [*best[low][1], low])
                    for low in range(high)
                    if sums[high] - sums[low] <= bound
                ),
                default=(math.inf, []),
            )
            for high in range(count + 1)
        ]
    return best[count][1][1:]


def _nodes(model: keras.Model) -> list[Any]:
    """Returns the calls of all layers but inputs in topological order, or refuses a model that can't be cut."""
    if not getattr(model, "_is_graph_network", False):  # tf_keras has no public test for it
        raise ValueError(
            f"model {model.name} is not functional, so it can't be cut into stages; accepted: a functional one"
        )
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) > 1:
            raise ValueError(f"model {model.name} has {len(tensors)} {what}; accepted in a pipeline: one")
    ordered = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    nodes = [node for node in ordered if not node.is_input]
    names = [node.layer.name for node in nodes]
    for node in nodes:
        layer, problem = node.layer, None
        if isinstance(layer, keras.Model):
            problem = "is a model inside the model; accepted: a flat one"
        elif names.count(layer.name) > 1:
            problem = "is used more than once, and stages can't share weights; accepted: layers used once"
        elif any(getattr(each, "activity_regularizer", None) for each in layer._flatten_layers()):
            problem = "has an activity_regularizer, which depends on how batches are cut; accepted: none"
        elif any(each._losses for each in layer._flatten_layers()):
            problem = "adds a loss of its own, which no stage passes on; accepted: regularizers of weights"
        if problem:
            raise ValueError(f"layer {layer.name} {problem}")
    return nodes


def _named(names: Sequence[str], cuts: Sequence[str], stages: int) -> list[int]:
    if len(cuts) != stages - 1:
        raise ValueError(f"{len(cuts)} cuts for {stages} stages; accepted: {stages - 1}")
    for name in cuts:
        if name not in names[:-1]:
            near = difflib.get_close_matches(name, names[:-1], n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"no cut after layer {name!r}; accepted: {', '.join(names[:-1])}{hint}")
    bounds = [names.index(name) + 1 for name in cuts]
    if any(low >= high for low, high in pairwise(bounds)):
        raise ValueError(f"cuts {', '.join(cuts)} are not in the order of the layers, which is {', '.join(names)}")
    return bounds


def _key(tensor: Any) -> Key:
    return tensor._keras_history.layer.name, tensor._keras_history.tensor_index


def _given(node: Any) -> list[Any]:
    outputs = node.outputs
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _crossing(nodes: Sequence[Any]) -> list[int]:
    """Returns the bytes of one example that cross a cut before each node."""
    last = {_key(tensor): place for place, node in enumerate(nodes) for tensor in node.keras_inputs}
    found = [0] * len(nodes)
    for place, node in enumerate(nodes):
        for tensor in _given(node):
            for cut in range(place + 1, last.get(_key(tensor), place) + 1):
                found[cut] += bytes_each(tensor)
    return found


def _part(nodes: Sequence[Any], others: Sequence[Any], result: Key, cost: int) -> Part:
    own = {_key(tensor): tensor for node in nodes for tensor in _given(node)}
    taken = dict.fromkeys(_key(tensor) for node in nodes for tensor in node.keras_inputs)
    elsewhere = {_key(tensor) for node in others for tensor in node.keras_inputs}
    outputs = tuple(key for key in own if key in elsewhere or key == result)
    return Part(
        layers=tuple(node.layer.name for node in nodes),
        inputs=tuple(key for key in taken if key not in own),
        outputs=outputs,
        cost=cost,
        sent=sum(bytes_each(own[key]) for key in outputs if key in elsewhere),
    )
