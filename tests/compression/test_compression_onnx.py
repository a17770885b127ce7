import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from compression_cases import digits_model, mixed_model, random_batch, regression_model, table_model, unrelated_work
from real_data import breast_cancer, diabetes, digits, mixed

from pipeline.compression.export import keras_outputs
from pipeline.keras import keras, tf
from pipeline.models.files import load_model, save_model

pytest.importorskip("tf2onnx", reason="ONNX is not installed: uv sync --extra onnx")

import onnx

from pipeline.compression.onnx import BATCH, onnx_outputs, to_onnx

MODELS = [(digits_model, digits), (table_model, breast_cancer), (mixed_model, mixed), (regression_model, diabetes)]


def recurrent(*layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(2)], "recurrent")


@pytest.mark.parametrize(("model", "data"), MODELS)
def test_it_computes_what_the_model_computes(model, data, tmp_path):
    features = data().test.features[:40]
    expected = keras_outputs(model(), features)
    (tmp_path / "model.onnx").write_bytes(to_onnx(model()))
    outputs = onnx_outputs(tmp_path / "model.onnx", features)
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    "layers",
    [lambda: [keras.layers.SimpleRNN(3)], lambda: [keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(3)]],
    ids=["loop", "operators"],
)
def test_recurrent_layers_compute_the_same_too(layers, tmp_path):
    model = recurrent(*layers())
    features = random_batch(model)
    (tmp_path / "model.onnx").write_bytes(to_onnx(model))
    np.testing.assert_allclose(onnx_outputs(tmp_path / "model.onnx", features), model(features), atol=1e-5)


def test_dropout_and_batch_normalization_are_those_of_inference(tmp_path):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.9), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.layers[0].set_weights([np.full(4, each, np.float32) for each in (2, 1, 3, 16)])
    (tmp_path / "model.onnx").write_bytes(to_onnx(model))
    features = random_batch(model)
    np.testing.assert_allclose(
        onnx_outputs(tmp_path / "model.onnx", features), model(features, training=False), atol=1e-5
    )


def test_its_input_output_and_metadata_are_named(tmp_path):
    metadata = {"class_names": '["a", "b\u00e9"]', "task": "regression"}
    made = onnx.load_from_string(to_onnx(regression_model(), output="prediction", metadata=metadata))
    assert {each.key: each.value for each in made.metadata_props} == metadata
    assert [each.name for each in (*made.graph.input, *made.graph.output)] == ["features", "prediction"]
    dims = [[dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in made.graph.input]
    assert dims == [["batch", 10]]
    assert made.graph.name == "mlp"
    assert made.opset_import[0].version == 15


def test_many_examples_are_computed_in_batches_and_in_order(tmp_path):
    features = digits().train.features[: 2 * BATCH + 3]
    (tmp_path / "model.onnx").write_bytes(to_onnx(digits_model()))
    outputs = onnx_outputs(tmp_path / "model.onnx", features)
    np.testing.assert_allclose(outputs, keras_outputs(digits_model(), features), atol=1e-4)


@pytest.mark.parametrize("build", [digits_model, mixed_model])
def test_equal_models_give_equal_bytes(build, tmp_path):
    model = build()
    made = to_onnx(model)
    unrelated_work()
    save_model(model, tmp_path / "model.keras")
    assert to_onnx(load_model(tmp_path / "model.keras")) == made
    (weight, *_) = model.trainable_weights
    kept = weight.numpy()
    weight.assign(kept + 1)
    other = to_onnx(model)
    weight.assign(kept)
    assert other != made


IN_ANOTHER_PROCESS = """
import hashlib, sys
from pathlib import Path
from compression_cases import unrelated_work
from pipeline.compression.onnx import to_onnx
from pipeline.models.files import load_model
unrelated_work()
for path in sys.argv[1:]:
    print(hashlib.sha256(to_onnx(load_model(Path(path)))).hexdigest())
"""


def test_another_process_gives_the_same_bytes(tmp_path):
    """In these the converter's own names and their order follow the hash seed: equal biases, several categories."""
    from pipeline.models.inputs import image_input
    from pipeline.models.resnet import resnet

    keras.utils.set_random_seed(0)
    residual = resnet(*image_input((8, 8, 1), scale=16.0), 10, filters=(4, 8), blocks=2, dropout=0.1)
    paths, here = [], []
    for name, model in {"residual": residual, "mixed": mixed_model(), "lstm": recurrent(keras.layers.LSTM(3))}.items():
        paths.append(str(tmp_path / f"{name}.keras"))
        save_model(model, Path(paths[-1]))
        here.append(hashlib.sha256(to_onnx(model)).hexdigest())
    tests = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests.parents[1], tests.parent, tests)))}
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, *paths],
        check=True,
        env={**environment, "PYTHONHASHSEED": "17"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.split() == here


def test_what_onnx_has_no_operator_for_is_refused_in_one_line():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(tf.math.lgamma(tf.math.igamma(inputs, 2.0))))
    with pytest.raises(ValueError, match=r"^the model can't become ONNX, which has no Igamma, Lgamma$"):
        to_onnx(model)
