import numpy as np
import pytest

from pipeline.measurement.flops import count_flops

KINDS = ["conv", "conv_float16", "conv_int8"]


def test_dense_layers_by_hand(zoo):
    first, second = 2 * 6 * 5 + 5, 2 * 5 * 3 + 3
    assert count_flops(zoo.paths["dense"]) == {
        "flops": first + second,
        "by_op": {"FULLY_CONNECTED": first + second},
        "uncounted": [],
    }


@pytest.mark.parametrize("name", KINDS)
def test_convolutions_by_hand_whatever_the_number_format(zoo, name):
    conv = 8 * 8 * 4 * (2 * 3 * 3 * 3 + 1)
    depthwise = 4 * 4 * 4 * (2 * 3 * 3 + 1)
    transposed = 4 * 4 * 4 * 2 * 3 * 3 * 2 + 8 * 8 * 2
    pool, dense, softmax = 2 * 2 * (4 * 4 * 2), 2 * 32 * 3 + 3, 3
    result = count_flops(zoo.paths[name])
    assert result["by_op"] == {
        "CONV_2D": conv,
        "DEPTHWISE_CONV_2D": depthwise,
        "FULLY_CONNECTED": dense,
        "MAX_POOL_2D": pool,
        "SOFTMAX": softmax,
        "TRANSPOSE_CONV": transposed,
    }
    assert result["flops"] == conv + depthwise + transposed + pool + dense + softmax
    assert result["uncounted"] == []


def test_a_mean_costs_an_operation_for_each_input_value(zoo):
    assert count_flops(zoo.paths["normalized"])["by_op"]["MEAN"] == 6 * 6 * 4


@pytest.mark.parametrize(("transposed", "left"), [(False, [-1, 3, 5]), (True, [-1, 5, 3])])
def test_a_matrix_product_by_hand(write_model, transposed, left):
    from ai_edge_litert import schema_py_generated as schema

    tensors = [("FLOAT32", left, None, None), ("FLOAT32", [-1, 5, 2], None, None), ("FLOAT32", [-1, 3, 2], None, None)]
    path = write_model("BATCH_MATMUL", tensors, [0, 1], schema.BatchMatMulOptionsT(adjX=transposed))
    assert count_flops(path)["flops"] == 2 * 3 * 5 * 2


@pytest.mark.parametrize(("op", "custom", "name"), [("RFFT2D", None, "RFFT2D"), ("CUSTOM", "FlexErf", "FlexErf")])
def test_an_operator_without_a_rule_is_listed(write_model, op, custom, name):
    vector = ("FLOAT32", [1, 4], None, None)
    assert count_flops(write_model(op, [vector, vector], [0], custom=custom)) == {
        "flops": 0,
        "by_op": {},
        "uncounted": [name],
    }


def test_moving_data_costs_nothing(write_model):
    shape = ("INT32", [2], np.array([2, 2], "<i4").tobytes(), None)
    tensors = [("FLOAT32", [1, 4], None, None), shape, ("FLOAT32", [2, 2], None, None)]
    assert count_flops(write_model("RESHAPE", tensors, [0, 1])) == {"flops": 0, "by_op": {}, "uncounted": []}
