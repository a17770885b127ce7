import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: uv sync --extra onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from pipeline.compression.onnx_form import settle  # noqa: E402

FLOAT = TensorProto.FLOAT


def value(name, *shape):
    return helper.make_tensor_value_info(name, FLOAT, shape)


def constant(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.float32), name)


def model(nodes, constants, outputs):
    graph = helper.make_graph(nodes, "g", [value("x", "unk__7", 2)], outputs, constants, doc_string="serve_123")
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)])


def first():
    nodes = [
        helper.make_node("Relu", ["x"], ["r:0"], "r__1"),
        helper.make_node("Add", ["r:0", "two"], ["a:0"], "a__2"),
        helper.make_node("Clip", ["a:0", "", "two"], ["c:0"], "c__3"),
        helper.make_node("Add", ["c:0", "one"], ["logits"], "z__4"),
    ]
    return model(nodes, [constant("one", 1.0), constant("two", 2.0)], [value("logits", "unk__8", 2)])


def second():
    """The same as `first`, with other names and in another order, and with what no output needs."""
    nodes = [
        helper.make_node("Relu", ["x"], ["q:0"], "q__90"),
        helper.make_node("Exp", ["q:0"], ["unused:0"], "e__9"),
        helper.make_node("Add", ["q:0", "k__1"], ["y:0"], "a__99"),
        helper.make_node("Clip", ["y:0", "", "k__1"], ["m:0"], "m__3"),
        helper.make_node("Add", ["m:0", "k__0"], ["logits"], "b"),
    ]
    constants = [constant("k__1", 2.0), constant("unused", 5.0), constant("k__0", 1.0)]
    return model(nodes, constants, [value("logits", "unk__99", 2)])


def settled(made):
    settle(made)
    onnx.checker.check_model(made, full_check=True)
    return made


def test_graphs_that_compute_the_same_get_the_same_bytes():
    one, two = (settled(made()).SerializeToString(deterministic=True) for made in (first, second))
    assert one == two
    other = first()
    other.graph.initializer[0].CopyFrom(constant("one", 3.0))
    assert settled(other).SerializeToString(deterministic=True) != one


def test_names_count_by_kind_and_inputs_and_outputs_keep_theirs():
    graph = settled(second()).graph
    assert [node.name for node in graph.node] == ["Relu_1", "Add_1", "Clip_1", "Add_2"]
    assert [list(node.input) for node in graph.node] == [
        ["x"],
        ["Relu_1:0", "Add_1/1"],
        ["Add_1:0", "", "Add_1/1"],
        ["Clip_1:0", "Add_2/1"],
    ]
    assert [each.name for each in graph.initializer] == ["Add_1/1", "Add_2/1"]
    assert graph.node[-1].output == ["logits"]
    assert [each.type.tensor_type.shape.dim[0].dim_param for each in (*graph.input, *graph.output)] == ["batch"] * 2
    assert graph.doc_string == ""


def test_an_output_may_be_read_on_and_a_deep_graph_is_ordered():
    nodes = [helper.make_node("Neg", ["x"], ["v0"])]
    nodes += [helper.make_node("Neg", [f"v{place}"], [f"v{place + 1}"]) for place in range(3000)]
    graph = settled(model(nodes[::-1], [], [value("v9", None, 2), value("v3000", None, 2)])).graph
    assert [node.name for node in graph.node] == [f"Neg_{number}" for number in range(1, 3002)]
    assert graph.node[10].input == ["v9"]
    assert graph.node[-1].output == ["v3000"]


def test_a_graph_with_a_body_inside_keeps_its_names():
    body = helper.make_graph([helper.make_node("Neg", ["r:0"], ["n"])], "b", [], [value("n", None, 2)])
    nodes = [
        helper.make_node("Relu", ["x"], ["r:0"], "r__1"),
        helper.make_node("If", ["yes"], ["logits"], "i__2", then_branch=body, else_branch=body),
    ]
    yes = numpy_helper.from_array(np.array(True), "yes")
    graph = settled(model(nodes, [yes], [value("logits", None, 2)])).graph
    assert [node.name for node in graph.node] == ["r__1", "i__2"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
