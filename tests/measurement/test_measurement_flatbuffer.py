import pytest

from pipeline.measurement.flatbuffer import load_model, operator_name


def test_operators_are_named_as_in_the_schema(zoo):
    model = load_model(zoo.paths["dense"])
    assert [operator_name(model, operator) for operator in model.subgraphs[0].operators] == ["FULLY_CONNECTED"] * 2


def test_a_custom_operator_has_its_own_name(write_model):
    path = write_model("CUSTOM", [("FLOAT32", [1, 2], None, None), ("FLOAT32", [1, 2], None, None)], [0], custom="Mine")
    model = load_model(path)
    assert operator_name(model, model.subgraphs[0].operators[0]) == "Mine"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file at .*gone\.tflite"):
        load_model(tmp_path / "gone.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\x03\x04 a zip file, not a model"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a TFLite model"):
        load_model(path)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.5, 0.75, 0.9])
def test_a_truncated_file_is_refused(zoo, tmp_path, share):
    content = zoo.paths["conv"].read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"cut\.tflite is truncated or corrupt"):
        load_model(path)
