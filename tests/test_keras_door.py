"""What the one door to TensorFlow changes about it."""

import gc

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.compression.export import to_tflite
from pipeline.compression.tfmot import tfmot
from pipeline.keras import keras, tf


class Turned(keras.layers.Layer):
    """A user's layer, with an `if` on a tensor."""

    def call(self, inputs):
        if tf.reduce_sum(inputs) > 0:
            return -inputs
        return inputs


def rewritten(function):
    """Whether AutoGraph rewrites what a traced function calls."""
    from tensorflow.python.autograph.impl import conversion

    return not conversion.is_allowlisted(function)


def test_neither_frugal_nor_tfmot_is_rewritten_before_it_is_traced():
    from tensorflow_model_optimization.python.core.sparsity.keras.pruning_impl import Pruning

    from pipeline.data.augmentation.apply import augment

    assert not rewritten(augment)
    assert not rewritten(Pruning.conditional_mask_update)
    assert not rewritten(tfmot.sparsity.keras.PolynomialDecay.__call__)
    assert rewritten(Turned.call)


def test_a_users_layer_may_ask_for_a_tensors_value():
    inputs = keras.Input((3,), name="features")
    model = keras.Model(inputs, Turned()(inputs))
    rows = np.array([[1, 2, 3], [-1, -2, -3]], np.float32)
    served = Interpreter(model_content=to_tflite(model)).get_signature_runner()
    for row in rows:
        np.testing.assert_array_equal(model.predict(row[None], verbose=0)[0], -np.abs(row))
        np.testing.assert_array_equal(served(features=row[None])["turned"][0], -np.abs(row))


def test_garbage_is_collected_once_all_is_imported():
    assert gc.isenabled()
