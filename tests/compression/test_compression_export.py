import hashlib

import numpy as np
import pytest
from compression_cases import (
    digits_model,
    interpreter,
    mixed_model,
    quantized_digits,
    random_batch,
    regression_model,
    table_model,
    unrelated_work,
)
from real_data import breast_cancer, diabetes, digits, mixed

from pipeline.compression import export
from pipeline.keras import keras, tf
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.files import load_model, save_model


def a_recurrent_model():
    """Control flow, and a layer used twice."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 3))
    shared = keras.layers.SimpleRNN(3, return_sequences=True)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(shared(shared(inputs)))))


def a_sequential():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((6, 6, 2)), layers.SeparableConv2D(3, 3), layers.BatchNormalization(), layers.Dropout(0.5)]
    )


def an_embedding_used_twice():
    keras.utils.set_random_seed(0)
    inputs, shared = keras.Input((5,)), keras.layers.Embedding(17, 3, name="shared")
    vectors = keras.layers.Add()([shared(inputs), shared(keras.layers.ReLU()(inputs))])
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(vectors)))


def content(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("model", "data"),
    [(digits_model, digits), (table_model, breast_cancer), (mixed_model, mixed), (regression_model, diabetes)],
)
def test_every_form_computes_what_the_model_computes(model, data, tmp_path):
    features = data().test.features[:40]
    expected = model()(features.astype(np.float32), training=False).numpy()
    largest = np.abs(expected).max()
    np.testing.assert_allclose(export.keras_outputs(model(), features), expected, atol=1e-5 * largest)
    (tmp_path / "model.tflite").write_bytes(export.to_tflite(model()))
    export.to_saved_model(model(), tmp_path / "saved_model")
    save_model(model(), tmp_path / "model.keras")
    given = [
        tflite_outputs(tmp_path / "model.tflite", features),
        export.saved_model_outputs(tmp_path / "saved_model", features),
        export.keras_outputs(load_model(tmp_path / "model.keras"), features),
    ]
    for outputs in given:
        assert outputs.shape == expected.shape
        np.testing.assert_allclose(outputs, expected, atol=1e-4 * max(1, largest))


def test_many_examples_are_computed_in_batches_and_in_order():
    features = digits().train.features[: 2 * export.BATCH + 3]
    outputs = export.keras_outputs(digits_model(), features)
    assert outputs.shape == (2 * export.BATCH + 3, 10)
    for at in (0, export.BATCH - 1, export.BATCH, 2 * export.BATCH + 2):
        one = digits_model()(features[at : at + 1].astype(np.float32))
        np.testing.assert_allclose(outputs[at], one[0], atol=1e-4)


@pytest.mark.parametrize("build", [digits_model, table_model, a_recurrent_model, a_sequential, an_embedding_used_twice])
def test_equal_models_give_equal_saved_models(build, tmp_path):
    model = build()
    found = []
    for number in range(3):
        export.to_saved_model(model, tmp_path / str(number))
        found.append(content(tmp_path / str(number)))
        unrelated_work()
        if number == 1:
            save_model(model, tmp_path / "model.keras")
            model = load_model(tmp_path / "model.keras")
    assert found[0] == found[1] == found[2]
    assert {"saved_model.pb", "variables/variables.index"} <= set(found[0])
    assert "fingerprint.pb" not in found[0]
    for weight in model.weights[:1]:
        kept = weight.numpy()
        weight.assign(kept + 1)
        export.to_saved_model(model, tmp_path / "other")
        weight.assign(kept)
        assert content(tmp_path / "other") != found[0]


@pytest.mark.parametrize("build", [digits_model, table_model, a_recurrent_model, a_sequential, an_embedding_used_twice])
def test_a_saved_model_serves_any_batch_size(build, tmp_path):
    model = build()
    export.to_saved_model(model, tmp_path)
    loaded = tf.saved_model.load(str(tmp_path))
    assert list(loaded.signatures) == ["serving_default"]
    serve = loaded.signatures["serving_default"]
    spec = serve.structured_input_signature[1]["features"]
    assert (spec.dtype, spec.shape.as_list()) == (tf.float32, [None, *model.input_shape[1:]])
    for count in (1, 2, 33):
        batch = random_batch(model, count)
        np.testing.assert_allclose(serve(features=batch)["logits"], model(batch, training=False), atol=1e-4)
    assert len(loaded.weights) == len(model.variables)


def test_the_same_model_gives_the_same_tflite_bytes():
    first = export.to_tflite(digits_model())
    unrelated_work()
    assert export.to_tflite(digits_model()) == first


@pytest.mark.parametrize("input_type", ["int8", "uint8"])
def test_integers_at_the_ends_are_scaled_there_and_back(input_type, tmp_path):
    features = digits().test.features[:60]
    outputs = {}
    for kind in ("float32", input_type):
        path = tmp_path / f"{kind}.tflite"
        path.write_bytes(quantized_digits(kind))
        outputs[kind] = tflite_outputs(path, features)
    (made,) = interpreter(path.read_bytes()).get_output_details()
    assert outputs[input_type].dtype == np.float32
    np.testing.assert_allclose(outputs[input_type], outputs["float32"], atol=1.01 * made["quantization"][0])
    exact = export.keras_outputs(digits_model(), features)
    assert np.abs(outputs[input_type] - exact).max() < 0.15 * np.abs(exact).max()


def test_values_beyond_the_calibrated_range_are_clipped_and_do_not_wrap_around(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(quantized_digits("int8"))
    image = np.full((1, 8, 8, 1), 16.0)
    np.testing.assert_array_equal(tflite_outputs(path, 50 * image), tflite_outputs(path, image))
    np.testing.assert_array_equal(tflite_outputs(path, -image), tflite_outputs(path, 0 * image))
