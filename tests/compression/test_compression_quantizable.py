"""Which layers quantization-aware training takes, and how it says which not."""

import re

import numpy as np
import pytest
from collaborative_cases import small_model
from compression_cases import interpreter, mixed_model, regression_model, table_model
from odd_models import Subclassed, nested, used_twice
from real_data import breast_cancer, diabetes, mixed

from pipeline.compression.export import keras_outputs
from pipeline.compression.quantizable import quantizable_layers
from pipeline.compression.quantization_aware import quantization_aware
from pipeline.keras import keras
from pipeline.measurement.outputs import tflite_outputs

layers = keras.layers


def examples(model, count=40):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def in_front(*body, shape=(8, 8, 2)):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input(shape, name="x")
    for layer in body:
        x = layer(x)
    return keras.Model(inputs, x, name="model")


def dtypes(content):
    """The types of results with a rank above 1, by operation."""
    made = interpreter(content)
    tensors = {each["index"]: np.dtype(each["dtype"]).name for each in made.get_tensor_details()}
    return [(each["op_name"], tensors.get(each["outputs"][0])) for each in made._get_ops_details()]


def test_convolutions_before_a_relu_layer_and_separable_ones_are_rounded_too(tmp_path):
    model = in_front(
        layers.Conv2D(4, 3, name="first"),
        layers.ReLU(name="relu"),
        layers.SeparableConv2D(6, 3, use_bias=False, name="separable"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(6.0, name="relu6"),
        layers.SeparableConv2D(6, 3, activation="relu", name="other"),
        layers.Flatten(name="flatten"),
        layers.Dense(5, name="dense"),
        layers.ReLU(name="last"),
    )
    aware = quantization_aware(model, examples(model))
    names = [layer.name for layer in aware.start.layers]
    assert [name for name in names if "sep" in name] == ["separable_depthwise", "separable_pointwise"]
    batch = examples(model)
    np.testing.assert_allclose(keras_outputs(aware.start, batch), keras_outputs(model, batch), atol=1e-5)
    for name in ("first", "separable_depthwise", "other_pointwise", "dense"):
        weights = aware.model.get_layer(f"quant_{name}").weights
        assert any("kernel_min" in weight.name for weight in weights), name
    (tmp_path / "model.tflite").write_bytes(aware.to_tflite())
    found = dtypes((tmp_path / "model.tflite").read_bytes())
    assert not [each for each in found if each[1] == "float32" and each[0] not in ("DEQUANTIZE", "DELEGATE")]
    given, expected = tflite_outputs(tmp_path / "model.tflite", batch), keras_outputs(aware.model, batch)
    assert np.abs(given - expected).max() <= 0.02 * np.abs(expected).max()


def test_what_adds_up_is_rounded(tmp_path):
    inputs = keras.Input((8, 8, 2))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs))
    y = layers.Conv2D(4, 1)(inputs)
    joined = layers.ReLU()(layers.Add()([x, y]))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(joined)))
    aware = quantization_aware(model, examples(model), input_type="int8")
    (tmp_path / "model.tflite").write_bytes(aware.to_tflite())
    assert "float32" not in {kind for _, kind in dtypes((tmp_path / "model.tflite").read_bytes())}


@pytest.mark.parametrize(
    ("model", "data", "ends"),
    [
        (table_model, breast_cancer, ("flatten",)),
        (mixed_model, mixed, ("flatten",)),
        (regression_model, diabetes, ("flatten",)),
    ],
)
def test_raw_columns_stay_in_float32_and_the_rest_is_rounded(model, data, ends, tmp_path):
    plan = quantizable_layers(keras.models.clone_model(model()))
    assert plan.ends == ends
    assert "scaling" in plan.floats
    assert not plan.quantize_input
    aware = quantization_aware(model(), data().train.features[:200])
    (tmp_path / "model.tflite").write_bytes(aware.to_tflite())
    test = data().test.features[:200]
    given, expected = tflite_outputs(tmp_path / "model.tflite", test), keras_outputs(aware.model, test)
    assert np.abs(given - expected).max() <= 0.02 * np.abs(expected).max()
    close = np.abs(given - keras_outputs(model(), test)).mean() / np.abs(expected).mean()
    assert close < 0.1
    with pytest.raises(ValueError, match=r"^input_type=int8: .* takes raw features; accepted: float32$"):
        quantization_aware(model(), test, input_type="int8")


def test_a_scale_with_a_shift_is_computed_in_float32_in_front():
    model = in_front(layers.Rescaling(1 / 127.5, offset=-1.0, name="scale"), layers.Conv2D(4, 3), layers.Flatten())
    assert not quantizable_layers(keras.models.clone_model(model)).quantize_input
    found = dtypes(quantization_aware(model, 100 * np.abs(examples(model))).to_tflite())
    assert ("CONV_2D", "int8") in found


def integers():
    inputs = keras.Input((4,), dtype="int32", name="codes")
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Embedding(5, 2)(inputs))))


def flat(*body):
    return lambda: in_front(*body, layers.Flatten(name="flat"), layers.Dense(2, name="dense"))


def half():
    return in_front(layers.Dense(2, dtype="mixed_float16", name="half"), shape=(3,))


WHAT = "quantization-aware training"
OUT = "accepted: its name in exclude, which leaves it in float32"


@pytest.mark.parametrize(
    ("build", "options", "said"),
    [
        (Subclassed, {}, f"subclassed: {WHAT} takes functional and sequential models, not a subclassed one"),
        (nested, {}, f"inner: {WHAT} does not take a model inside a model; flatten it first"),
        (used_twice, {}, f"twice: {WHAT} takes a layer that is used once, not 2 times; accepted: a layer for each use"),
        (integers, {}, f"codes: {WHAT} takes no input of int32; accepted: float32"),
        (half, {}, f"half: {WHAT} does not take float16; accepted: float32"),
        (flat(layers.Lambda(lambda x: x, name="odd")), {}, f"odd: {WHAT} takes no Lambda; {OUT}"),
        (flat(layers.LayerNormalization(name="norm")), {}, f"norm: {WHAT} takes no LayerNormalization; {OUT}"),
        (flat(layers.Reshape((8, 16)), layers.LSTM(2, name="memory")), {}, f"memory: {WHAT} takes no LSTM; {OUT}"),
        (
            flat(layers.ReLU(), layers.BatchNormalization(name="norm")),
            {},
            f"norm: {WHAT} takes BatchNormalization only directly behind a convolution or Dense without activation; "
            f"{OUT}",
        ),
        (
            flat(layers.Conv2D(2, 3, activation="elu", name="conv")),
            {},
            f"conv: {WHAT} does not take the activation elu; accepted: linear, relu, swish, gelu, softmax, sigmoid, "
            "tanh, or its name in exclude",
        ),
        (flat(), {"exclude": ["x1"]}, "exclude names x1, which is no layer; accepted: x, flat, dense"),
        (flat(), {"exclude": ["dense"]}, "model: no layer to quantize; accepted: Dense and convolutions that are not "),
        (
            flat(layers.Conv2D(2, 3, name="conv")),
            {"exclude": ["conv"], "input_type": "int8"},
            "input_type=int8: conv stays in float32; accepted: float32",
        ),
    ],
)
def test_what_cannot_be_trained_so_is_refused_with_one_line(build, options, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}[^\n]*$"):
        quantization_aware(build(), np.zeros((1, 8, 8, 2)), **options)


def test_a_layer_that_is_refused_can_be_excluded():
    model = in_front(
        layers.Conv2D(4, 3, name="conv"), layers.LayerNormalization(name="norm"), layers.Flatten(), layers.Dense(3)
    )
    aware = quantization_aware(model, examples(model), exclude=["norm"])
    assert aware.plan.ends == ("flatten",)
    assert aware.plan.rounded == ("conv", "dense")


def test_without_examples_there_is_no_range():
    with pytest.raises(ValueError, match=r"^no calibration example; accepted: at least 1$"):
        quantization_aware(small_model(), np.zeros((0, 8, 8, 1)))
