"""TensorFlow Lite's converter, given a model's inference only."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.keras import keras, tf


def inference(model: keras.Model, spec: tf.TensorSpec, output: str) -> tuple[tf.Module, Any]:
    """Returns a module that keeps a model's variables, and the model's inference: one function, yet to be traced.

    Args:
        model: A model with one input and one output.
        spec: What it is given.
        output: The name of what it returns.
    """
    module = tf.Module()
    module.weights = list(model.variables)

    @tf.function(input_signature=[spec])
    def serve(features: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: model(features, training=False)}

    return module, serve


@contextmanager
def converter_of(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    """Gives a converter of a model, usable within the context.

    `TFLiteConverter.from_keras_model` has Keras save the model first, which traces each layer by itself and more than
    once, with and without training; here one function is traced, the inference.
    `scripts/bench_convert.py` runs both in turn.

    Args:
        model: A model with one input and one output; its names are those of the file's signature.
    """
    (given,), (found,) = model.input_names, model.output_names
    module, serve = inference(model, tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name=given), found)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(save_debug_info=True)
        tf.saved_model.save(module, folder, signatures={"serving_default": serve}, options=options)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)
