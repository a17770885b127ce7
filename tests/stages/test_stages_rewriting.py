"""The stages that rewrite layers by low-rank approximation, as a user configures them."""

import json

import numpy as np
import pytest
from stage_runs import Ran, configured, ran

from pipeline.engine.errors import ConfigError, InputError
from pipeline.engine.stage import settings_in_key

MODEL = "++model={family: cnn, filters: [4, 8], units: 16, dropout: 0.0}"
TRAINED = (MODEL, "epochs=2", "++optimizer.learning_rate=0.01")
TUNED = (MODEL, "epochs=1", "++optimizer.learning_rate=0.003", "inputs.model=base")


@pytest.fixture(scope="module")
def base(digits, tmp_path_factory) -> Ran:
    return ran(configured("train", *TRAINED), tmp_path_factory.mktemp("base") / "train", data=digits)


def model_of(done):
    from pipeline.models.files import load_model

    return load_model(done.files / "model.keras")


def stage(option, *overrides):
    return configured(option, *TUNED, *overrides, "+stage@stages.base=train")


def test_convolutions_are_separated_fine_tuned_and_accounted_for(digits, base, tmp_path):
    before = (base.files / "model.keras").read_bytes()
    done = ran(stage("separate", "rank=2"), tmp_path / "one", data=digits, model=base)
    assert (base.files / "model.keras").read_bytes() == before
    (shown,) = [each for each in done.exhibits if each.title == "convolutions separated"]
    assert shown.columns == ["layer", "rank", "relative error", "multiply-adds before", "after", "what was done"]
    assert [row[0] for row in shown.rows] == ["conv_1", "conv_2"]
    assert shown.rows[0][1:] == [0, 0.0, 8 * 8 * 9 * 4, 8 * 8 * 9 * 4, shown.rows[0][-1]]
    assert shown.rows[0][-1] == "it has 1 input channel, so there is nothing to separate"
    assert (shown.rows[1][1], *shown.rows[1][3:]) == (2, 4608, 16 * 2 * 4 * 17, "rewritten")
    assert 0 < shown.rows[1][2] < 1
    assert done.notes == []
    names = [layer.name for layer in model_of(done).layers]
    assert {"conv_2_copies", "conv_2_depthwise", "conv_2"} < set(names)
    (epoch,) = json.loads((done.files / "history.json").read_text())
    assert epoch["val_accuracy"] > 0.5
    again = ran(stage("separate", "rank=2"), tmp_path / "two", data=digits, model=base)
    assert (again.files / "model.keras").read_bytes() == (done.files / "model.keras").read_bytes()


def test_dense_layers_are_factorized_and_a_later_stage_finds_their_names(digits, base, tmp_path):
    done = ran(stage("factorize", "share=0.25", "layers=[dense]"), tmp_path / "one", data=digits, model=base)
    (shown,) = [each for each in done.exhibits if each.title == "Dense layers factorized"]
    ((name, rank, error, first, after, what),) = shown.rows
    assert (name, rank, first, after, what) == ("dense", 4, 32 * 16, 4 * (32 + 16), "rewritten")
    assert 0 < error < 1
    model = model_of(done)
    assert model.get_layer("dense_low_rank").units == 4
    pruning = stage("prune", "exclude=[dense]", "final_sparsity=0.5")
    pruned = model_of(ran(pruning, tmp_path / "pruned", data=digits, model=done))
    assert np.mean(pruned.get_layer("dense").kernel.numpy() == 0) == 0
    assert np.mean(pruned.get_layer("dense_low_rank").kernel.numpy() == 0) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("option", ["separate", "factorize"])
def test_where_no_layer_is_rewritten_the_report_says_so_and_the_model_is_trained_on(option, digits, base, tmp_path):
    layer = "conv_2" if option == "separate" else "logits"
    overrides = ("rank=1", "max_error=0.01", f"layers=[{layer}]", *(["share=null"] if option == "factorize" else []))
    done = ran(stage(option, *overrides), tmp_path / "one", data=digits, model=base)
    first, second = done.notes
    assert first == f"{option} rewrote no layer; the model was only trained on"
    assert second.startswith(f"{layer}, named in layers, was left as it is: its relative error 0.")
    model, old = model_of(done), model_of(base)
    assert [layer.name for layer in model.layers] == [layer.name for layer in old.layers]
    assert (model.get_layer("logits").kernel.numpy() != old.get_layer("logits").kernel.numpy()).any()


def test_a_name_of_the_wrong_kind_is_refused_before_training(digits, base, tmp_path):
    with pytest.raises(InputError, match=r"^layers names dense, which is no Conv2D layer; .* \(set by layers\)$"):
        ran(stage("separate", "layers=[dense]"), tmp_path / "one", data=digits, model=base)
    assert list((tmp_path / "one" / "state").iterdir()) == []


def test_a_model_of_other_features_is_refused(base, tmp_path):
    other = ran(configured("prepare", data="breast_cancer"), tmp_path / "prepare")
    with pytest.raises(InputError, match=r"set by inputs\.data"):
        ran(stage("separate"), tmp_path / "one", data=other, model=base)


@pytest.mark.parametrize("option", ["separate", "factorize"])
def test_every_setting_is_in_the_key(option):
    keys = settings_in_key(stage(option))
    assert {"layers", "rank", "max_error", "min_gain", "epochs", "seed"} < set(keys)
    assert ("share" in keys) == (option == "factorize")


@pytest.mark.parametrize(
    ("option", "overrides", "line"),
    [
        ("separate", ["rank=null"], "stages.x.rank: not set, nor max_error; accepted: 1 or more"),
        ("factorize", ["share=null"], "stages.x.rank: not set, nor share nor max_error; accepted: 1 or more"),
        ("factorize", ["rank=2"], "stages.x.share=0.25: rank is set too; accepted: null, or a rank of null"),
        ("separate", ["rank=0"], "stages.x.rank=0: not valid"),
        ("separate", ["max_error=1.1"], "stages.x.max_error=1.1: not valid"),
        ("separate", ["min_gain=-1.0"], "stages.x.min_gain=-1.0: not valid"),
        ("factorize", ["share=0.0"], "stages.x.share=0.0: not valid"),
        (
            "factorize",
            ["layers=[dens]"],
            "stages.x.layers=dens: no such layer to rewrite; accepted: conv_1, conv_2, dense, logits; did",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(option, overrides, line):
    with pytest.raises(ConfigError) as caught:
        stage(option, *overrides)
    assert line in str(caught.value)
