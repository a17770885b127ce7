import warnings

import numpy as np
import pytest
from compression_cases import (
    CALIBRATION,
    classes,
    digits_model,
    interpreter,
    mixed_model,
    quantized_digits,
    quantized_table,
    regression_model,
    table_model,
)
from real_data import breast_cancer, diabetes, digits, mixed

from pipeline.compression.export import keras_outputs
from pipeline.compression.pruning import PRUNABLE
from pipeline.compression.quantization import quantize
from pipeline.keras import keras, tf
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.files import weights_digest


def quantized(model, data, **options):
    return quantize(model, "int8", data.train.features[:CALIBRATION], **options)


def agreement(content, model, data, folder):
    """The share of test examples that the file and the model put in the same class."""
    (folder / "model.tflite").write_bytes(content)
    features = data.test.features[:300]
    given, expected = tflite_outputs(folder / "model.tflite", features), keras_outputs(model, features)
    return float(np.mean(classes(given) == classes(expected)))


def constants(content):
    """The constant tensors of a file with 8 or 32 bits: (shape, dtype, values)."""
    made, found = interpreter(content), []
    computed = {int(index) for each in made._get_ops_details() for index in each["outputs"]}
    computed |= {int(each["index"]) for each in made.get_input_details()}
    for details in made.get_tensor_details():
        if details["index"] not in computed and len(details["shape"]) and details["name"]:
            found.append((tuple(details["shape"]), np.dtype(details["dtype"]), made.tensor(details["index"])().copy()))
    return found


def kernels(model):
    """The kernels in TFLite's layout, by name: (out, in) and (out, height, width, in)."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, PRUNABLE):
            kernel = layer.kernel.numpy()
            found[layer.name] = kernel.T if kernel.ndim == 2 else kernel.transpose(3, 0, 1, 2)
    return found


@pytest.mark.parametrize("input_type", ["float32", "int8", "uint8"])
def test_weights_are_int8_and_the_ends_have_the_type_asked_for(input_type, tmp_path):
    model, before = digits_model(), weights_digest(digits_model())
    content = quantized_digits(input_type)
    made = interpreter(content)
    ends = (*made.get_input_details(), *made.get_output_details())
    assert [np.dtype(end["dtype"]).name for end in ends] == [input_type, input_type]
    types = {shape: dtype.name for shape, dtype, _ in constants(content)}
    assert [types[kernel.shape] for kernel in kernels(model).values()] == ["int8"] * 4
    assert "float32" not in types.values()
    assert agreement(content, model, digits(), tmp_path) >= 0.98
    assert weights_digest(model) == before
    assert len(content) < 0.6 * len(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))


def test_a_table_of_columns_of_different_magnitudes_keeps_its_classes(tmp_path):
    data, model = breast_cancer(), table_model()
    means = [column.mean for column in data.columns]
    assert max(means) > 1000 * min(means)
    assert np.mean(classes(keras_outputs(model, data.test.features)) == data.test.labels) > 0.93
    content = quantized_table()
    assert agreement(content, model, data, tmp_path) >= 0.97
    types = {shape: dtype.name for shape, dtype, _ in constants(content)}
    assert [types[kernel.shape] for kernel in kernels(model).values()] == ["int8", "int8"]
    dtypes = {details["name"]: np.dtype(details["dtype"]).name for details in interpreter(content).get_tensor_details()}
    assert any("scaling" in name and dtype == "float32" for name, dtype in dtypes.items())


def converted(model, data):
    """All in integers, the raw features too."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in data.train.features[:CALIBRATION])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        return bytes(converter.convert())


def test_with_the_normalization_in_integers_too_it_would_lose_them(tmp_path):
    data, model = breast_cancer(), table_model()
    assert agreement(converted(model, data), model, data, tmp_path) < 0.9


def test_a_table_with_categories_keeps_its_classes_and_its_vectors_take_8_bits(tmp_path):
    data, model = mixed(), mixed_model()
    assert np.mean(classes(keras_outputs(model, data.test.features)) == data.test.labels) > 0.93
    content = quantized(model, data)
    assert agreement(content, model, data, tmp_path) >= 0.97
    types = {shape: dtype.name for shape, dtype, _ in constants(content)}
    vectors = [layer.embeddings.shape for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    kept = [*map(tuple, vectors), *(kernel.shape for kernel in kernels(model).values())]
    assert [types[shape] for shape in kept] == ["int8"] * 5
    dtypes = {details["name"]: np.dtype(details["dtype"]).name for details in interpreter(content).get_tensor_details()}
    raw = [name for name in dtypes if any(f"/{layer}" in name for layer in ("numbers", "codes", "scaling/sub"))]
    assert raw
    assert {dtypes[name] for name in raw} <= {"float32", "int32"}


def test_with_codes_in_integers_too_categories_would_be_confused(tmp_path):
    data, model = mixed(), mixed_model()
    assert agreement(converted(model, data), model, data, tmp_path) < 0.8


def test_a_regression_explains_as_much_as_before(tmp_path):
    data, model = diabetes(), regression_model()

    def r2(predicted):
        errors = predicted[:, 0].astype(float) - data.test.labels
        return 1 - np.square(errors).sum() / np.square(data.test.labels - data.test.labels.mean(dtype=float)).sum()

    (tmp_path / "model.tflite").write_bytes(quantized(model, data))
    given, expected = (
        tflite_outputs(tmp_path / "model.tflite", data.test.features),
        keras_outputs(model, data.test.features),
    )
    assert r2(expected) > 0.35
    assert r2(given) > r2(expected) - 0.03
    assert np.sqrt(np.square(given - expected).mean()) < 0.1 * data.test.labels.std()


@pytest.mark.parametrize(
    ("model", "data", "layer"), [(table_model, breast_cancer, "scaling"), (mixed_model, mixed, ".*")]
)
@pytest.mark.parametrize("input_type", ["int8", "uint8"])
def test_raw_features_that_are_normalized_or_looked_up_stay_float32(input_type, model, data, layer):
    said = f"^input_type={input_type}: {layer} takes raw features; accepted: float32$"
    with pytest.raises(ValueError, match=said):
        quantized(model(), data(), input_type=input_type)


def test_without_examples_there_is_no_calibration():
    with pytest.raises(ValueError, match=r"^no calibration example; accepted: at least 1$"):
        quantize(digits_model(), "int8", digits().train.features[:0])


def test_zeros_stay_zeros(tmp_path):
    model = keras.models.clone_model(digits_model())
    model.set_weights(digits_model().get_weights())
    noise = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, PRUNABLE):
            layer.kernel.assign(layer.kernel * (noise.random(layer.kernel.shape) < 0.4))
    content = quantized(model, digits())
    found = {shape: values for shape, _, values in constants(content)}
    for kernel in kernels(model).values():
        zeros = kernel == 0
        assert np.mean(zeros) == pytest.approx(0.6, abs=0.1)
        assert (found[kernel.shape][zeros] == 0).all()
        assert np.mean(found[kernel.shape][~zeros] == 0) < 0.05


def test_the_same_model_gives_the_same_bytes():
    assert quantized(digits_model(), digits(), input_type="int8") == quantized_digits("int8")
    assert quantized(table_model(), breast_cancer()) == quantized_table()
