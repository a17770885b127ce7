"""Post-training quantization (Jacob et al., arXiv:1712.05877) by TensorFlow Lite's converter."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.compression.converter import converter_of
from pipeline.compression.float_layers import operations_of, raw_layers
from pipeline.compression.schemes import CALIBRATED, InputType, Scheme, check_scheme
from pipeline.keras import keras, tf


def quantize(
    model: keras.Model,
    scheme: Scheme,
    calibration: np.ndarray | None = None,
    *,
    input_type: InputType = "float32",
    exclude: Sequence[str] = (),
) -> bytes:
    """Returns a model as a quantized TFLite file.

    In int8 one scale serves a whole tensor, so raw features of different magnitudes can't share 8 bits: on a table
    whose columns run from 0.1 to 2,000 that alone cost a third of the accuracy, and the codes of categories would be
    rounded into others. Layers that normalize raw numbers, and those that bring raw numbers and codes to where they are
    normalized or looked up, therefore stay in float32, and the integers begin behind them.

    Zeros are stored like other weights: of Dense layers in 8 bits that the converter encodes sparsely, XNNPACK, which
    interpreters use unless told otherwise, computes wrong results without a word (seen in TensorFlow 2.18.1 and
    LiteRT 2.3); only float32 ones come out right, which `to_tflite` writes.

    Args:
        model: A model with one input; it is left alone.
        scheme: How numbers are stored and computed with.
        calibration: Real examples, of shape (examples, ...), for int8 and int16x8.
        input_type: The type of the file's input and output.
        exclude: Names of layers that stay in float32; int8 only.

    Raises:
        ValueError: If the scheme lacks its examples, has not that type of input, or can't leave a layer out.
    """
    check_scheme(scheme, input_type=input_type, exclude=exclude)
    names = [layer.name for layer in model.layers]
    for name in exclude:
        if name not in names:
            raise ValueError(f"exclude names {name}, which is no layer; accepted: {', '.join(names)}")
    if scheme not in CALIBRATED:
        with converter_of(model) as converter:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if scheme == "float16":
                converter.target_spec.supported_types = [tf.float16]
            return bytes(converter.convert())
    if calibration is None or not len(calibration):
        raise ValueError("no calibration example; accepted: at least 1")
    takers, raw = raw_layers(model)
    if takers and scheme == "int16x8":
        raise ValueError(f"scheme=int16x8: {takers[0]} takes raw features; accepted: dynamic, float16, int8")
    if takers and input_type != "float32":
        raise ValueError(f"input_type={input_type}: {takers[0]} takes raw features; accepted: float32")
    floats = operations_of(model, kept) if (kept := sorted({*raw, *exclude})) else {}
    for name in exclude:
        if model.get_layer(name).weights and not floats[name]:
            raise ValueError(f"exclude names {name}, whose operations the converter gives no name; accepted: others")
    nodes = sorted({each for names in floats.values() for each in names})
    with converter_of(model) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return _calibrated(converter, scheme, calibration, input_type, nodes)


def _calibrated(converter: Any, scheme: str, examples: np.ndarray, input_type: InputType, floats: list[str]) -> bytes:
    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for example in examples:
            yield [example[np.newaxis].astype(np.float32)]

    sets = tf.lite.OpsSet
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = (
        [sets.TFLITE_BUILTINS_INT8]
        if scheme == "int8"
        else [sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    )
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(input_type)
    with warnings.catch_warnings():
        # The converter asks for statistics that the calibration is about to gather.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        # The debugger, which alone can leave operations in float32, runs the old interpreter.
        warnings.filterwarnings("ignore", message=r"\s*Warning: (tf.lite.Interpreter|Please use the LiteRT)")
        if not floats or scheme != "int8":
            return bytes(converter.convert())
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=floats)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=representative_dataset, debug_options=options
        )
        return bytes(debugger.get_nondebug_quantized_model())
