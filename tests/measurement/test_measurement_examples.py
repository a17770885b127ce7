import numpy as np
import pytest

from pipeline.measurement.examples import check_examples, decode, encode, read_examples


def details(dtype, scale=0.0, zero_point=0):
    return {"name": "input", "dtype": dtype, "quantization": (scale, zero_point)}


def save(folder, name, array):
    np.save(folder / name, array)
    return folder / name


def test_quantizing_rounds_then_clips():
    encoded = encode(np.array([[-9.0, -0.3, 0.0, 0.26, 9.0]], np.float32), details(np.int8, 0.05, 10))
    np.testing.assert_array_equal(encoded, np.array([[-128, 4, 10, 15, 127]], np.int8))
    assert encoded.dtype == np.int8


def test_pixels_are_cast_to_float_and_not_scaled():
    encoded = encode(np.array([[0, 255]], np.uint8), details(np.float32))
    np.testing.assert_array_equal(encoded, np.array([[0.0, 255.0]], np.float32))
    assert encoded.dtype == np.float32


def test_token_numbers_pass_to_an_integer_input():
    assert encode(np.array([[3, 70_000]], np.int64), details(np.int32)).tolist() == [[3, 70_000]]


@pytest.mark.parametrize("example", [np.array([[0.5]]), np.array([[300]])])
def test_an_integer_input_without_scale_refuses_what_does_not_fit(example):
    with pytest.raises(ValueError, match="whole and fit"):
        encode(example, details(np.uint8))


def test_examples_come_one_by_one_in_order_across_blocks(tmp_path):
    path = save(tmp_path, "x.npy", np.arange(600).reshape(300, 2))
    examples = list(read_examples(path))
    assert [example.shape for example in examples] == [(1, 2)] * 300
    np.testing.assert_array_equal(np.concatenate(examples), np.load(path))


def test_a_feature_that_is_not_a_number_is_refused(tmp_path):
    path = save(tmp_path, "x.npy", np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="NaN or infinity in examples 0 to 1"):
        list(read_examples(path))


def test_outputs_are_scaled_back_as_the_quantization_specification_says():
    decoded = decode(np.array([[-128, 10, 127]], np.int8), details(np.int8, 0.05, 10))
    np.testing.assert_allclose(decoded, [[-6.9, 0, 5.85]], rtol=1e-6)
    assert decoded.dtype == np.float32
    assert decode(np.array([[7]], np.int32), details(np.int32)).tolist() == [[7.0]]
    assert decode(np.array([[0.5]], np.float32), details(np.float32)).tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("task", "features", "labels", "message"),
    [
        ("classification", np.zeros((3, 2)), np.zeros(2, int), "do not match 2 labels"),
        ("classification", np.zeros((0, 2)), np.zeros(0, int), "do not match 0 labels"),
        ("classification", np.zeros((2, 2)), np.zeros(2), "accepted are integer classes"),
        ("classification", np.zeros((2, 2)), np.eye(2, dtype=int), "accepted are integer classes"),
        ("classification", np.array(["a", "b"]), np.zeros(2, int), "not a .npy file of integers or floats"),
        ("regression", np.zeros((2, 2)), np.array([1, np.nan]), "accepted are finite numbers"),
        ("regression", np.zeros((2, 2)), np.zeros((2, 2)), "accepted are finite numbers"),
        ("multi_label", np.zeros((2, 2)), np.zeros(2, int), "accepted are 0 and 1"),
        ("multi_label", np.zeros((2, 2)), np.full((2, 2), 2), "accepted are 0 and 1"),
        ("multi_label", np.zeros((3, 2)), np.zeros((2, 2), np.uint8), "do not match 2 labels"),
        ("ranking", np.zeros((2, 2)), np.zeros(2, int), "'ranking' is unknown: accepted are classification, regr"),
    ],
)
def test_arrays_that_cannot_be_a_test_set_are_refused(tmp_path, task, features, labels, message):
    with pytest.raises(ValueError, match=message):
        check_examples(save(tmp_path, "x.npy", features), save(tmp_path, "y.npy", labels), task)


@pytest.mark.parametrize(
    ("task", "labels", "shape"),
    [
        ("classification", [[1], [0]], (2,)),
        ("regression", [[0.5], [-3.0]], (2,)),
        ("multi_label", [[1], [0]], (2, 1)),
        ("multi_label", [[1, 0, 1], [0, 0, 0]], (2, 3)),
    ],
)
def test_labels_may_be_a_column(tmp_path, task, labels, shape):
    x, y = save(tmp_path, "x.npy", np.zeros((2, 5))), save(tmp_path, "y.npy", np.array(labels))
    features, found = check_examples(x, y, task)
    assert features == (2, 5)
    np.testing.assert_array_equal(found, np.reshape(labels, shape))


def test_a_truncated_array_is_refused(tmp_path):
    x, y = save(tmp_path, "x.npy", np.zeros((20, 5))), save(tmp_path, "y.npy", np.zeros(20, int))
    x.write_bytes(x.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"x\.npy is not a complete \.npy file"):
        check_examples(x, y, "classification")
