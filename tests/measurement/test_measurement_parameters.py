import numpy as np
import pytest

from pipeline.measurement.parameters import count_parameters


@pytest.mark.parametrize(
    ("name", "keras_name"),
    [
        ("dense", "dense"),
        ("conv", "conv"),
        ("conv_float16", "conv"),
        ("conv_int8", "conv"),
        ("conv_uint8", "conv"),
        ("blocks", "blocks"),
        ("sparse", "blocks"),
    ],
)
def test_the_parameters_are_those_keras_counts(zoo, name, keras_name):
    assert count_parameters(zoo.paths[name])["parameters"] == zoo.models[keras_name].count_params()


def test_batch_normalization_is_folded_into_a_bias(zoo):
    kernel, folded_bias, dense = 4 * 3 * 3 * 3, 4, 4 * 2 + 2
    assert zoo.models["normalized"].count_params() == kernel + 4 * 4 + dense
    assert count_parameters(zoo.paths["normalized"])["parameters"] == kernel + folded_bias + dense


@pytest.mark.parametrize("name", ["blocks", "sparse"])
def test_zeros_do_not_count_however_they_are_stored(zoo, name):
    assert count_parameters(zoo.paths[name])["nonzero_parameters"] == 64 * 16 + 64 * 4 + 4


def test_without_zeros_every_parameter_counts(zoo):
    counts = count_parameters(zoo.paths["conv_float16"])
    assert counts["nonzero_parameters"] == counts["parameters"]


VECTOR = ("FLOAT32", [1, 4], None, None)
CASES = {
    "zero point": (("UINT8", [2, 2], bytes([7, 7, 7, 0]), [7]), 4, 1),
    "zero point of each channel": (("UINT8", [2, 2], bytes([7, 0, 9, 9]), [7, 9]), 4, 1),
    "four bits, odd count": (("INT4", [3], bytes([0x0F, 0x01]), [0]), 3, 2),
    "half precision, minus zero": (("FLOAT16", [2], np.array([-0.0, 1], "<f2").tobytes(), None), 2, 1),
    "scalar": (("FLOAT32", [], np.array([1], "<f4").tobytes(), None), 0, 0),
    "shape-like": (("INT32", [2], np.array([1, 2], "<i4").tobytes(), None), 0, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_what_counts_as_a_weight_and_as_zero(write_model, name):
    constant, parameters, nonzero = CASES[name]
    path = write_model("ADD", [VECTOR, constant, VECTOR], [0, 1])
    assert count_parameters(path) == {"parameters": parameters, "nonzero_parameters": nonzero}


def test_an_integer_bias_counts_where_a_layer_reads_it(write_model):
    bias = ("INT32", [2], np.array([0, 5], "<i4").tobytes(), None)
    weights = ("INT8", [2, 4], bytes([1] * 8), [0])
    path = write_model("FULLY_CONNECTED", [VECTOR, weights, bias, ("FLOAT32", [1, 2], None, None)], [0, 1, 2])
    assert count_parameters(path) == {"parameters": 10, "nonzero_parameters": 9}


def test_a_tensor_read_twice_counts_once(write_model):
    constant = ("FLOAT32", [4], np.ones(4, "<f4").tobytes(), None)
    assert count_parameters(write_model("ADD", [constant, VECTOR], [0, 0]))["parameters"] == 4
