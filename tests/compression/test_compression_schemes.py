"""Every scheme of quantization, and the account of what it did to each layer."""

import math

import numpy as np
import pytest
from compression_cases import CALIBRATION, classes, digits_model, interpreter, mixed_model, table_model
from real_data import breast_cancer, digits, mixed

from pipeline.compression.export import keras_outputs, to_tflite
from pipeline.compression.quantization import quantize
from pipeline.compression.quantization_account import account
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.files import weights_digest

SCHEMES = ("dynamic", "float16", "int8", "int16x8")
KERNELS = ["conv_1", "conv_2", "dense", "logits"]


def quantized(scheme, model=None, data=None, **options):
    model, data = model or digits_model(), data or digits()
    return quantize(model, scheme, data.train.features[:CALIBRATION], **options)


def accounted(content, **options):
    model = digits_model()
    layers = account(model, to_tflite(model), content, digits().train.features[:20], **options)
    assert [each.layer for each in layers] == KERNELS
    return layers


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("model", "data"), [(digits_model, digits), (table_model, breast_cancer), (mixed_model, mixed)]
)
def test_a_file_of_every_scheme_agrees_with_its_model(scheme, model, data, tmp_path):
    if scheme == "int16x8" and data is not digits:  # in one scale, 8 of 100 classes were others
        with pytest.raises(
            ValueError, match=r"^scheme=int16x8: .* takes raw features; accepted: dynamic, float16, int8$"
        ):
            quantized(scheme, model(), data())
        return
    before = weights_digest(model())
    content = quantized(scheme, model(), data())
    assert weights_digest(model()) == before
    (tmp_path / "model.tflite").write_bytes(content)
    features = data().test.features[:300]
    given, expected = tflite_outputs(tmp_path / "model.tflite", features), keras_outputs(model(), features)
    assert np.mean(classes(given) == classes(expected)) >= 0.97


@pytest.mark.parametrize(
    ("scheme", "weights", "results"),
    [
        ("dynamic", ["float32", "int8", "int8", "float32"], "float32"),
        ("float16", ["float16"] * 4, "float32"),
        ("int8", ["int8"] * 4, "int8"),
        ("int16x8", ["int8"] * 4, "int16"),
    ],
)
def test_the_account_names_what_each_layer_is_stored_in(scheme, weights, results):
    layers = accounted(quantized(scheme))
    assert [each.weights for each in layers] == weights
    assert {each.results for each in layers} == {results}
    assert [bool(each.why_float) for each in layers] == [each == "float32" for each in weights]


def test_finer_numbers_add_less_noise():
    noise = {scheme: min(each.sqnr for each in accounted(quantized(scheme))) for scheme in SCHEMES}
    assert 15 < noise["int8"] < noise["int16x8"] < noise["float16"]
    assert noise["int8"] < noise["dynamic"]


def test_the_same_file_twice_has_no_noise():
    content = to_tflite(digits_model())
    assert all(math.isinf(each.sqnr) for each in accounted(content))


def test_the_layer_that_is_quantized_badly_stands_out():
    model = digits_model().__class__.from_config(digits_model().get_config())
    model.set_weights(digits_model().get_weights())
    bias = model.get_layer("dense").bias
    bias.assign(bias + np.eye(1, bias.shape[0], 3, dtype=np.float32)[0] * 5000)  # one unit takes the whole range
    content = quantized("int8", model)
    layers = account(model, to_tflite(model), content, digits().train.features[:20])
    others = {each.layer: each.sqnr for each in layers[:2]}
    exact = account(
        model, to_tflite(model), quantized("int8", model, exclude=["dense", "logits"]), digits().train.features[:20]
    )
    assert min(others.values()) > 15
    assert exact[3].sqnr > layers[3].sqnr + 20


@pytest.mark.parametrize("names", [["conv_1"], ["logits"], ["conv_2", "dense"]])
def test_excluded_layers_stay_in_float32_and_no_others(names):
    layers = accounted(quantized("int8", exclude=names), excluded=names)
    assert [each.layer for each in layers if each.weights == "float32"] == names
    assert {each.why_float for each in layers if each.layer in names} == {"excluded"}


@pytest.mark.parametrize("excluded", [[], ["logits"], ["dense_1"]])
def test_the_last_layer_is_known_where_the_converter_names_it_after_the_output(excluded):
    model, data = mixed_model(), mixed()
    content = quantized("int8", model, data, exclude=excluded)
    layers = account(model, to_tflite(model), content, data.train.features[:5], excluded=excluded)
    assert [each.layer for each in layers][-2:] == ["dense_1", "logits"]
    assert [each.layer for each in layers if each.weights == "float32"] == excluded


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_ends_have_the_type_asked_for(scheme):
    kind = {"int8": "int8", "int16x8": "int16"}[scheme]
    made = interpreter(quantized(scheme, input_type=kind))
    assert [np.dtype(end["dtype"]).name for end in (*made.get_input_details(), *made.get_output_details())] == [
        kind
    ] * 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"scheme": "int4"}, "scheme=int4; accepted: dynamic, float16, int8, int16x8"),
        ({"scheme": "dynamic", "input_type": "int8"}, "input_type=int8 of scheme=dynamic; accepted: float32"),
        ({"scheme": "float16", "exclude": ["dense"]}, r"exclude=dense of scheme=float16; accepted with it: \[\]"),
        (
            {"scheme": "int8", "exclude": ["x"]},
            "exclude names x, which is no layer; accepted: features, scaling, conv_1",
        ),
    ],
)
def test_what_a_scheme_does_not_have_is_refused(options, line):
    with pytest.raises(ValueError, match=f"^{line}"):
        quantized(**options)
