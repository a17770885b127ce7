"""TensorFlow Lite's converter, given a model's inference only."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.keras import keras, tf


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
    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name=given)
    module = tf.Module()
    module.weights = list(model.variables)

    @tf.function(input_signature=[spec])
    def serve(features: tf.Tensor) -> dict[str, tf.Tensor]:
        return {found: model(features, training=False)}

    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(save_debug_info=True)
        tf.saved_model.save(module, folder, signatures={"serving_default": serve}, options=options)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)
