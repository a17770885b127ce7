"""Pruning, clustering and quantization-aware training one after the other, as stages."""

import json
import shutil

import numpy as np
import pytest
from stage_runs import Ran, configured, ran

from pipeline.engine.errors import ConfigError, InputError

CNN = "++model={family: cnn, filters: [4], convolutions: 1, units: 12, dropout: 0.1}"
TRAINED = (CNN, "+stage@stages.base=train", "inputs.model=base")
PRUNED = (*TRAINED[:2], "+stage@stages.pruned=prune", "++stages.pruned.inputs.model=base", "inputs.model=pruned")
QUICK = ("batch_size=128", "epochs=2")
CLUSTER = (*PRUNED, *QUICK, "clusters=8", "exclude=[dense]")
AWARE = (*PRUNED, *QUICK, "input_type=uint8", "learning_rate=0.002")


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> dict[str, Ran]:
    """The artifacts of a run: data, a trained model, a pruned one, a clustered one, a file."""
    folder = tmp_path_factory.mktemp("chain")
    made = {"data": ran(configured("prepare"), folder / "prepare")}
    made["train"] = ran(configured("train", CNN, *QUICK), folder / "train", data=made["data"])
    prune = configured("prune", *TRAINED, *QUICK, "final_sparsity=0.5")
    made["prune"] = ran(prune, folder / "prune", data=made["data"], model=made["train"])
    made["cluster"] = ran(configured("cluster", *CLUSTER), folder / "cluster", data=made["data"], model=made["prune"])
    made["aware"] = ran(
        configured("quantize_aware", *AWARE), folder / "aware", data=made["data"], model=made["cluster"]
    )
    return made


def forms(path):
    from pipeline.compression.weight_form import kernel_forms
    from pipeline.models.files import load_model

    return kernel_forms(load_model(path))


def test_clustering_keeps_the_zeros_of_all_layers_and_shows_what_it_did(chain):
    found = forms(chain["cluster"].files / "model.keras")
    assert min(form.sparsity for form in found.values()) >= 0.49
    assert (found["conv_1"].distinct, found["logits"].distinct) == (8, 8)
    assert found["dense"].distinct > 20
    (shown,) = [each for each in chain["cluster"].exhibits if each.title == "clustered weights"]
    assert [row[0] for row in shown.rows] == ["conv_1", "logits"]
    assert all(row[2] == 8 < row[1] for row in shown.rows)
    assert chain["cluster"].notes == []


def test_quantization_aware_training_keeps_both_and_writes_what_quantize_writes(chain):
    files = chain["aware"].files
    assert {path.name for path in files.iterdir()} == {
        "model.tflite",
        "quantization.json",
        "reference.keras",
        "history.json",
        "weights.sha256",
    }
    found = forms(files / "reference.keras")
    assert min(form.sparsity for form in found.values()) >= 0.49
    told = json.loads((files / "quantization.json").read_text())
    kept = {each["layer"]: each["kept"] for each in told["layers"]}
    assert kept == {"conv_1": "zeros and values", "dense": "zeros", "logits": "zeros and values"}
    assert (told["scheme"], told["input_type"], told["calibration_examples"]) == ("int8", "uint8", 300)
    assert chain["aware"].notes == []


def test_in_the_file_half_of_the_weights_are_zero_and_the_export_agrees_with_the_reference(chain, tmp_path):
    from pipeline.measurement.parameters import count_parameters

    counted = count_parameters(chain["aware"].files / "model.tflite")
    assert counted["nonzero_parameters"] < 0.55 * counted["parameters"]
    stage = configured("export", *TRAINED[:2], "formats=[tflite]", "inputs.model=base")
    exported = ran(stage, tmp_path / "export", data=chain["data"], model=chain["aware"])
    (check,) = json.loads((exported.files / "export.json").read_text())["checks"].values()
    assert check["same_class"] > 0.9


@pytest.mark.parametrize(("kind", "source", "result"), [("cluster", "prune", "model.keras"), ("aware", "cluster", "*")])
def test_resumed_after_the_first_epoch_it_ends_with_the_same_bytes(kind, source, result, chain, tmp_path, monkeypatch):
    from pipeline.training import fit
    from pipeline.training.checkpoint import Checkpoints

    finished = chain[kind].files.parent / "state" / "checkpoints"
    kept = tmp_path / "kept"
    shutil.copytree(finished / "epoch-00001", kept / "epoch-00001")
    monkeypatch.setattr(fit, "Checkpoints", lambda _, model, **options: Checkpoints(kept, model, **options))
    stage = configured("cluster", *CLUSTER) if kind == "cluster" else configured("quantize_aware", *AWARE)
    again = ran(stage, tmp_path / "again", data=chain["data"], model=chain[source])
    assert (kept / "epoch-00002").is_dir()
    for path in chain[kind].files.glob(result):
        assert (again.files / path.name).read_bytes() == path.read_bytes(), path.name


def test_layers_that_stay_in_float32_and_what_that_costs_are_noted(chain, tmp_path):
    options = ("epochs=1", "batch_size=256", "exclude=[conv_1]", "calibration_examples=5000")
    made = ran(
        configured("quantize_aware", *PRUNED, *options), tmp_path / "x", data=chain["data"], model=chain["cluster"]
    )
    assert made.notes[0].startswith("calibrated on all")
    assert "zeros and shared values of conv_1 are not kept: these layers are not rounded" in made.notes
    told = json.loads((made.files / "quantization.json").read_text())
    assert {each["layer"]: each["weights"] for each in told["layers"]}["conv_1"] == "float32"
    assert np.isfinite([row["loss"] for row in json.loads((made.files / "history.json").read_text())]).all()


def test_what_only_the_model_tells_is_refused_before_training_with_the_keys(chain, tmp_path):
    stage = configured("quantize_aware", *PRUNED, "exclude=[nothing]")
    with pytest.raises(InputError, match=r"exclude names nothing, .*\(set by exclude and input_type\)"):
        ran(stage, tmp_path / "aware", data=chain["data"], model=chain["train"])
    stage = configured("cluster", *PRUNED, "+stages.x.per_layer={nothing: 4}")
    with pytest.raises(InputError, match=r"per_layer names nothing, .*\(set by clusters, exclude and per_layer\)"):
        ran(stage, tmp_path / "cluster", data=chain["data"], model=chain["train"])


@pytest.mark.parametrize(
    ("option", "override", "line"),
    [
        ("cluster", "clusters=2", "clusters=2: not valid"),
        ("cluster", "initialization=best", "initialization=best: "),
        ("cluster", "exclude=[conv_2]", "exclude=conv_2: no such layer to cluster; accepted: conv_1, dense, logits"),
        ("cluster", "+stages.x.per_layer={x: 4}", "per_layer=x: no such layer to cluster; accepted: conv_1, dense"),
        ("cluster", "exclude=[conv_1,dense,logits]", "exclude=conv_1,dense,logits: leaves no layer to cluster"),
        ("quantize_aware", "exclude=[logit]", "exclude=logit: no such layer; accepted: conv_1, dense, logits"),
        ("quantize_aware", "exclude=[conv_1,dense,logits]", "conv_1,dense,logits: leaves no layer to quantize"),
        ("quantize_aware", "++optimizer.use_ema=true", "optimizer.use_ema=true: averages of weights are not"),
        ("quantize_aware", "input_type=int16", "input_type=int16: "),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(option, override, line):
    with pytest.raises(ConfigError) as caught:
        configured(option, *TRAINED, override)
    assert line in str(caught.value)
