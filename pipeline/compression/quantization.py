"""Post-training quantization to 8-bit integers (Jacob et al., arXiv:1712.05877), by TensorFlow Lite's converter."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from pipeline.keras import keras, tf

InputType = Literal["float32", "int8", "uint8"]


def quantize_int8(model: keras.Model, calibration: np.ndarray, *, input_type: InputType = "float32") -> bytes:
    """Returns a model as a TFLite file with 8-bit weights and activations.

    Args:
        model: A model with one input; it is left alone.
        calibration: Real examples, of shape (examples, ...), whose activations set the ranges.
        input_type: The type of the file's input and output.

    Raises:
        ValueError: If there is no calibration example.
    """
    if not len(calibration):
        raise ValueError("no calibration example; accepted: at least 1")

    def representative_dataset() -> Iterator[list[np.ndarray]]:
        for example in calibration:
            yield [example[np.newaxis].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(input_type)
    return bytes(converter.convert())
