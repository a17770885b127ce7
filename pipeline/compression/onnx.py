"""A Keras model as an ONNX file, and what such a file computes. Needs the extra `onnx`."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.compression.onnx_form import settle
from pipeline.keras import keras, tf

BATCH = 256
OPSET = 15
"""Of operators: the one that tf2onnx prefers; every runtime since ONNX 1.10 (2021) reads it."""


def to_onnx(model: keras.Model, *, output: str = "logits", metadata: Mapping[str, str] | None = None) -> bytes:
    """Returns a model as an ONNX file that takes `features`, of any batch size, and gives one output.

    The features are float32 in the shape that the model takes them: images as (n, height, width, channels), tables as
    the encoded matrix. Equal models give equal bytes; those with a loop, as SimpleRNN makes one, do not.

    Args:
        model: A model with one input and one output.
        output: The name of the output.
        metadata: Texts that the file carries, by name (`metadata_props`).

    Raises:
        ValueError: If the model computes what ONNX has no operator for.
    """
    import onnx
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # an operator that it can't convert is told below
    spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="features")
    serve = tf.function(lambda features: model(features, training=False), input_signature=[spec])
    # tf2onnx takes a constant that a function captures, as Normalization's mean, for one more input.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function(), lower_control_flow=False)
    named = tf.function(lambda features: {output: frozen(features)[0]})
    made, _ = tf2onnx.convert.from_function(named, [spec], opset=OPSET)
    settle(made)
    made.graph.name = model.name
    onnx.helper.set_model_props(made, dict(metadata or {}))
    _check(made)
    return made.SerializeToString(deterministic=True)


def _check(made: Any) -> None:
    import onnx

    unknown = sorted({node.op_type for node in made.graph.node if not onnx.defs.has(node.op_type, node.domain)})
    if unknown:
        raise ValueError(f"the model can't become ONNX, which has no {', '.join(unknown)}")
    onnx.checker.check_model(made, full_check=True)


def onnx_outputs(path: Path, features: np.ndarray) -> np.ndarray:
    """Returns an ONNX file's outputs for a batch of features, of a table the encoded ones, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batches = [features[at : at + BATCH].astype(np.float32) for at in range(0, len(features), BATCH)]
    return np.concatenate([session.run(None, {"features": batch})[0] for batch in batches])
