"""One traced function gives the converter all that `from_keras_model` does."""

import subprocess
import sys

import numpy as np
import pytest
from compression_cases import digits_model, interpreter, mixed_model
from real_data import digits, mixed

from pipeline.compression.converter import converter_of
from pipeline.keras import keras, tf


def an_lstm():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 3), 1, name="series")  # the converter takes no recurrent layer of any batch size
    return keras.Model(inputs, keras.layers.Dense(2, name="found")(keras.layers.LSTM(4)(inputs)))


SERIES = np.random.default_rng(0).normal(size=(9, 5, 3))


@pytest.mark.parametrize(
    ("made", "features"),
    [
        (digits_model, lambda: digits().test.features),
        (mixed_model, lambda: mixed().test.features),
        (an_lstm, lambda: SERIES),
    ],
    ids=["cnn", "table", "lstm"],
)
def test_the_file_is_that_of_tensorflows_one_liner(made, features):
    model = made()
    with converter_of(model) as converter:
        ours = interpreter(converter.convert())
    theirs = interpreter(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    assert ours.get_signature_list() == theirs.get_signature_list()
    assert [each["op_name"] for each in ours._get_ops_details()] == [
        each["op_name"] for each in theirs._get_ops_details()
    ]
    for example in features()[:20].astype(np.float32):
        given = {model.input_names[0]: example[np.newaxis]}
        left, right = (each.get_signature_runner()(**given)[model.output_names[0]] for each in (ours, theirs))
        np.testing.assert_array_equal(left, right)


DOOR = """
import sys
from pipeline.compression.tfmot import tfmot
assert "keras" not in sys.modules
import keras
assert keras.__version__.startswith("3")
print(tfmot.sparsity.keras.ConstantSparsity(0.5, 0).get_config()["class_name"])
"""


def test_tfmot_does_not_import_keras_3_and_others_still_can():
    done = subprocess.run([sys.executable, "-c", DOOR], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("ConstantSparsity\n", 0), done.stderr
