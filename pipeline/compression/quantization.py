"""Post-training quantization to 8-bit integers (Jacob et al., arXiv:1712.05877), by TensorFlow Lite's converter."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from pipeline.keras import keras, tf

RAW = (keras.layers.Normalization, keras.layers.Embedding)
"""Layers that take what 8 bits can't hold: numbers of any magnitude, and codes."""

InputType = Literal["float32", "int8", "uint8"]


def quantize_int8(model: keras.Model, calibration: np.ndarray, *, input_type: InputType = "float32") -> bytes:
    """Returns a model as a TFLite file with 8-bit weights and activations.

    One scale serves a whole tensor, so raw features of different magnitudes can't share 8 bits: on a table whose
    columns run from 0.1 to 2,000 that alone cost a third of the accuracy, and the codes of categories would be rounded
    into others. Layers that normalize raw numbers, and those that bring raw numbers and codes to where they are
    normalized or looked up, therefore stay in float32, and the integers begin behind them.

    Args:
        model: A model with one input; it is left alone.
        calibration: Real examples, of shape (examples, ...), whose activations set the ranges.
        input_type: The type of the file's input and output.

    Raises:
        ValueError: If there is no calibration example, or the input must stay float32.
    """
    if not len(calibration):
        raise ValueError("no calibration example; accepted: at least 1")
    takers = [layer for layer in model.layers if isinstance(layer, RAW)]
    if takers and input_type != "float32":
        raise ValueError(f"input_type={input_type}: {takers[0].name} takes raw features; accepted: float32")

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for example in calibration:
            yield [example[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(input_type)
    with warnings.catch_warnings():
        # The converter asks for statistics that the calibration is about to gather.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        # The debugger, which alone can leave operations in float32, runs the old interpreter.
        warnings.filterwarnings("ignore", message=r"\s*Warning: (tf.lite.Interpreter|Please use the LiteRT)")
        raw = _raw_layers(model, takers)
        if not raw:
            return bytes(converter.convert())
        return _all_but(converter, representative_dataset, _operations(model, raw))


def _raw_layers(model: keras.Model, takers: Sequence[keras.layers.Layer]) -> list[str]:
    """Returns the names of the layers whose values are raw: all before the takers, and those that normalize."""
    inside, found = {id(layer) for layer in model.layers}, set()
    waiting = [(layer, isinstance(layer, keras.layers.Normalization)) for layer in takers]
    while waiting:
        layer, raw = waiting.pop()
        if layer.name in found or id(layer) not in inside or isinstance(layer, keras.layers.InputLayer):
            continue
        if raw:
            found.add(layer.name)
        waiting += [(before, True) for node in layer.inbound_nodes for before, *_ in node.iterate_inbound()]
    return sorted(found)


def _operations(model: keras.Model, layers: list[str]) -> list[str]:
    """Returns the names that the converter gives to the operations of some layers."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))
    names = {details["name"] for details in interpreter.get_tensor_details()}
    return sorted(name for name in names if any(f"/{layer}/" in name for layer in layers))


def _all_but(converter: Any, representative_dataset: Any, operations: list[str]) -> bytes:
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=operations)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=representative_dataset, debug_options=options
    )
    return bytes(debugger.get_nondebug_quantized_model())
