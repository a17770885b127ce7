"""Which layers of a model stay in float32 when it is quantized, and what the converter calls their operations."""

from typing import Any

from pipeline.compression.export import to_tflite
from pipeline.keras import keras

RAW = (keras.layers.Normalization, keras.layers.Embedding)
"""Layers that take what 8 bits can't hold: numbers of any magnitude, and codes."""


def raw_layers(model: keras.Model) -> tuple[list[str], list[str]]:
    """Returns the names of layers that take raw values, and of those whose values are raw.

    The latter are all before the former, and those that normalize.
    """
    takers = [layer for layer in model.layers if isinstance(layer, RAW)]
    inside, found = {id(layer) for layer in model.layers}, set()
    waiting = [(layer, isinstance(layer, keras.layers.Normalization)) for layer in takers]
    while waiting:
        layer, raw = waiting.pop()
        if layer.name in found or id(layer) not in inside or isinstance(layer, keras.layers.InputLayer):
            continue
        if raw:
            found.add(layer.name)
        waiting += [(before, True) for node in layer.inbound_nodes for before, *_ in node.iterate_inbound()]
    return [layer.name for layer in takers], sorted(found)


def operations_of(model: keras.Model, layers: list[str]) -> dict[str, list[str]]:
    """Returns, by layer, the names that the converter gives to what its operations give."""
    made = undelegated(to_tflite(model))
    tensors = {int(each["index"]): each["name"] for each in made.get_tensor_details()}
    found: dict[str, list[str]] = {layer: [] for layer in layers}
    for operation in made._get_ops_details():
        names = operation_names(operation, tensors)
        for layer in owners(model, names):
            if layer in found:
                found[layer] += [tensors[index] for index in operation["outputs"] if index in tensors]
    return found


def owners(model: keras.Model, names: list[str]) -> list[str]:
    """Returns the layers that an operation's names mention, the last one with weights if they mention none.

    The operation whose result is the model's output bears that name, and its constants may bear none.
    """
    found = [layer.name for layer in model.layers if any(mentions(name, layer.name) for name in names)]
    return found or [layer.name for layer in model.layers if layer.weights][-1:]


def undelegated(content: bytes) -> Any:
    """Returns an interpreter of a TFLite file that keeps every operation and tensor, none of them in a delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    made = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    made.allocate_tensors()
    return made


def operation_names(operation: Any, tensors: dict[int, str]) -> list[str]:
    """Returns the names that tell which layer an operation belongs to: of its result and of its constants.

    The last operation's result has the name of the model's output, and only its bias that of its layer.
    """
    first, *constants = [index for index in operation["inputs"] if index >= 0] or [-1]
    del first  # what another layer gave
    return [tensors[index] for index in (*operation["outputs"], *constants) if index in tensors]


def mentions(name: str, layer: str) -> bool:
    """Whether a tensor's name is of a layer."""
    return f"/{layer}/" in name
