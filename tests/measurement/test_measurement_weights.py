import numpy as np
import pytest

from pipeline.measurement.parameters import count_parameters
from pipeline.measurement.weights import BINS, weight_statistics


def kernels(model):
    """The Keras layers with kernels of rank 2 or more, by name."""
    return {layer.name: layer.get_weights()[0] for layer in model.layers if layer.get_weights()}


@pytest.mark.parametrize("name", ["conv", "conv_float16", "conv_int8", "conv_uint8"])
def test_kernels_are_those_of_the_keras_layers(zoo, name):
    expected = kernels(zoo.models["conv"])
    found = weight_statistics(zoo.paths[name])
    assert [layer["parameters"] for layer in found["layers"]] == [kernel.size for kernel in expected.values()]
    assert all(sum(layer["counts"]) == layer["nonzero"] for layer in found["layers"])
    assert all(len(layer["counts"]) == BINS for layer in found["layers"])


@pytest.mark.parametrize("name", ["conv", "conv_float16"])
def test_layers_have_the_names_that_keras_gave_them(zoo, name):
    found = [layer["name"] for layer in weight_statistics(zoo.paths[name])["layers"]]
    expected = list(kernels(zoo.models["conv"]))
    assert len(set(found) & set(expected)) >= len(expected) - 1
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["dense", "dense_int8"])
def test_histograms_count_the_real_numbers(zoo, name):
    found = weight_statistics(zoo.paths[name])
    expected = list(kernels(zoo.models["dense"]).values())
    limit = max(np.abs(kernel).max() for kernel in expected)
    assert found["high"] == -found["low"] == pytest.approx(limit, rel=0.01)
    for layer, kernel in zip(found["layers"], expected, strict=True):
        counts = np.histogram(kernel, BINS, (found["low"] - 1e-6, found["high"] + 1e-6))[0]
        # Rounding to 8 bits moves a weight by half a bin at most.
        moved = np.abs(np.cumsum(layer["counts"]) - np.cumsum(counts)).max()
        assert moved <= (0 if name == "dense" else 4)


@pytest.mark.parametrize("name", ["blocks", "sparse"])
def test_zeros_are_counted_by_layer_however_they_are_stored(zoo, name):
    layers = weight_statistics(zoo.paths[name])["layers"]
    assert [(layer["parameters"], layer["nonzero"]) for layer in layers] == [(64 * 64, 64 * 16), (64 * 4, 64 * 4)]
    assert [sum(layer["counts"]) for layer in layers] == [64 * 16, 64 * 4]


@pytest.mark.parametrize("name", ["dense", "conv", "conv_int8", "normalized", "sparse"])
def test_kernels_are_all_parameters_but_the_vectors(zoo, name):
    kernel_parameters = sum(layer["parameters"] for layer in weight_statistics(zoo.paths[name])["layers"])
    assert 0 < kernel_parameters < count_parameters(zoo.paths[name])["parameters"]


def test_a_layer_without_a_name_is_called_by_its_operator(write_model):
    vector = ("FLOAT32", [1, 2], None, None)
    weights = ("INT8", [2, 2], bytes([1, 2, 3, 0]), [0])
    path = write_model("FULLY_CONNECTED", [vector, weights, vector], [0, 1])
    (layer,) = weight_statistics(path)["layers"]
    assert (layer["name"], layer["operator"], layer["shape"]) == ("fully_connected", "FULLY_CONNECTED", [2, 2])
    assert (layer["parameters"], layer["nonzero"], sum(layer["counts"])) == (4, 3, 3)


def test_weights_that_are_not_finite_are_in_no_bin(zoo):
    (layer,) = weight_statistics(zoo.paths["broken"])["layers"]
    assert (layer["nonzero"], sum(layer["counts"])) == (18, 0)
