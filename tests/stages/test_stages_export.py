"""The export stage: each format is checked against its model, and says what a user must know."""

import json
from importlib.util import find_spec

import pytest
from stage_runs import Ran, configured, ran

from pipeline.engine.errors import ConfigError, InputError, PipelineError
from pipeline.keras import keras, tf
from pipeline.models.files import save_model
from pipeline.stages import export as stage

BASE = "+stage@stages.base=train"
ALL = ["tflite", "saved_model", "keras", "onnx"]

needs_onnx = pytest.mark.skipif(find_spec("tf2onnx") is None, reason="ONNX is not installed: uv sync --extra onnx")


def exporting(*settings):
    return configured("export", BASE, "inputs.model=base", *settings)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    made = configured("train", "++model.units=[16]", "epochs=2", "batch_size=128")
    return ran(made, tmp_path_factory.mktemp("export") / "model", data=digits)


@needs_onnx
def test_every_format_computes_the_same_and_onnx_carries_the_facts(digits, trained, tmp_path):
    import onnx

    done = ran(exporting(f"formats=[{','.join(ALL)}]"), tmp_path / "done", data=digits, model=trained)
    told = json.loads((done.files / "export.json").read_text())
    checks = told.pop("checks")
    assert list(checks) == ALL
    assert all(check["largest_difference"] < 1e-5 and check["same_class"] == 1 for check in checks.values())
    carried = {each.key: each.value for each in onnx.load(done.files / "model.onnx").metadata_props}
    texts = {name for name, fact in told.items() if isinstance(fact, str)}
    assert {name: fact if name in texts else json.loads(fact) for name, fact in carried.items()} == told
    assert told["class_names"] == [str(digit) for digit in range(10)]
    assert {"onnx", "onnxruntime", "tf2onnx", "tensorflow"} < told["provenance"]["libraries"].keys()
    assert told["provenance"]["inputs"].keys() == {"data", "model"}


def test_without_onnx_labels_preprocessing_and_provenance_are_told_too(digits, trained, tmp_path):
    done = ran(exporting("formats=[tflite]"), tmp_path / "done", data=digits, model=trained)
    told = json.loads((done.files / "export.json").read_text())
    assert {"class_names", "preprocessing", "output", "provenance"} < told.keys()
    assert "onnx" not in told["provenance"]["libraries"]


@needs_onnx
def test_a_file_that_computes_something_else_is_refused(digits, trained, tmp_path, monkeypatch):
    from pipeline.compression import onnx

    outputs = onnx.onnx_outputs
    monkeypatch.setattr(onnx, "onnx_outputs", lambda path, features: 1.01 * outputs(path, features))
    with pytest.raises(PipelineError, match=r"^the onnx file differs from its Keras model by 0\.01$"):
        ran(exporting("formats=[onnx]"), tmp_path / "done", data=digits, model=trained)


@needs_onnx
def test_a_model_that_onnx_has_no_operator_for_is_refused_with_the_key(digits, tmp_path):
    files = tmp_path / "model" / "files"
    files.mkdir(parents=True)
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(10)(keras.layers.Flatten()(tf.math.lgamma(inputs)))
    save_model(keras.Model(inputs, outputs), files / "model.keras")
    with pytest.raises(InputError, match=r"^the model can't become ONNX, which has no Lgamma \(set by formats\)$"):
        ran(exporting("formats=[onnx]"), tmp_path / "done", data=digits, model=Ran(files.parent, [], []))


def test_onnx_without_its_packages_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr(stage, "distributions", lambda name: iter(()))
    exporting("formats=[tflite]")
    with pytest.raises(ConfigError) as caught:
        exporting("formats=[tflite,onnx]")
    assert str(caught.value) == (
        "stages.x.formats=tflite,onnx: onnx needs tf2onnx, onnx, onnxruntime, not installed here; "
        "accepted: uv sync --extra onnx, formats without onnx"
    )


@pytest.mark.parametrize("formats", ["onnx", "tflite,onnx"])
@pytest.mark.parametrize("quantizing", ["quantize", "quantize_aware"])
def test_a_quantized_model_has_no_onnx_file(quantizing, formats):
    quantized = (f"+stage@stages.small={quantizing}", "++stages.small.inputs.model=base")
    with pytest.raises(ConfigError) as caught:
        configured("export", BASE, *quantized, "inputs.model=small", f"formats=[{formats}]")
    assert str(caught.value) == (
        f"stages.x.formats={formats}: a quantized model exists as TFLite only; accepted: [tflite]"
    )


def test_the_versions_of_onnx_count_only_where_it_is_made():
    plain = exporting("formats=[tflite]")
    assert plain.used_libraries == plain.libraries
    made = stage.Export(formats=["onnx"], check_examples=1)
    assert made.used_libraries == (*plain.libraries, "tf2onnx", "onnx", "onnxruntime")
