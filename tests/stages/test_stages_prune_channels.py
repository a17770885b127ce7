"""Structured pruning as a stage."""

import json
import logging

import numpy as np
import pytest
from stage_runs import Ran, configured, ran

from pipeline.compression.structured import remove_channels, widths
from pipeline.engine.artifact import FILES
from pipeline.engine.errors import ConfigError, InputError
from pipeline.models.files import load_model, save_model

CNN = "++model={family: cnn, filters: [4, 8], units: 16, dropout: 0.1}"
BASE = (CNN, "+stage@stages.base=train", "inputs.model=base", "epochs=1")


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory) -> Ran:
    return ran(configured("train", CNN, "epochs=3"), tmp_path_factory.mktemp("train") / "train", data=digits)


def stage(*overrides):
    return configured("prune_channels", *BASE, *overrides)


def model_of(run):
    return load_model(run.files / "model.keras")


def test_it_removes_shows_logs_and_fine_tunes_the_same_again(digits, trained, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    settings = ("share=0.5", "+stages.x.per_layer={conv_1: 0.25}", "epochs=2")
    one, two = (ran(stage(*settings), tmp_path / name, model=trained, data=digits) for name in ("one", "two"))
    assert (one.files / "model.keras").read_bytes() == (two.files / "model.keras").read_bytes()
    assert widths(model_of(one)) == {"conv_1": 3, "conv_2": 4, "dense": 8, "logits": 10}
    shown = next(each for each in one.exhibits if each.title == "channels removed")
    assert shown.columns == ["layer", "channels before", "after"]
    assert shown.rows == [("conv_1", 4, 3), ("conv_2", 8, 4), ("dense", 16, 8), ("logits", 10, 10)]
    assert one.notes == []
    before, after = model_of(trained).count_params(), model_of(one).count_params()
    assert f"{after} of {before} parameters remain" in caplog.text
    assert after < 0.6 * before
    losses = [epoch["val_loss"] for epoch in json.loads((one.files / "history.json").read_text())]
    assert losses[-1] < losses[0]


def test_what_removes_nothing_says_so(digits, trained, tmp_path):
    run = ran(stage("share=0.5", "multiple=16"), tmp_path / "run", model=trained, data=digits)
    assert widths(model_of(run)) == widths(model_of(trained))
    (note,) = run.notes
    assert note.startswith("no channel was removed: share is too small")


def test_zeros_of_a_pruning_before_it_are_kept(digits, trained, tmp_path):
    sparse = model_of(trained)
    for layer in (sparse.get_layer("conv_2"), sparse.get_layer("dense")):
        layer.kernel.assign(np.where(np.abs(layer.kernel) < np.median(np.abs(layer.kernel)), 0, layer.kernel))
    (tmp_path / "sparse" / FILES).mkdir(parents=True)
    save_model(sparse, tmp_path / "sparse" / FILES / "model.keras")
    run = ran(stage(), tmp_path / "run", model=Ran(tmp_path / "sparse", [], []), data=digits)
    expected = remove_channels(sparse, share=0.5)
    for name in ("conv_2", "dense"):
        zeros = expected.get_layer(name).kernel.numpy() == 0
        assert zeros.mean() > 0.3
        np.testing.assert_array_equal(model_of(run).get_layer(name).kernel.numpy() == 0, zeros)


def test_what_only_the_model_shows_is_refused_before_it_is_trained(digits, trained, tmp_path):
    with pytest.raises(InputError, match=r"^dense: no BatchNormalization .* \(set by .*criterion.*\)$"):
        ran(stage("criterion=batch_norm"), tmp_path / "refused", model=trained, data=digits)
    scale = stage("criterion=batch_norm", "exclude=[dense]")
    run = ran(scale, tmp_path / "run", model=trained, data=digits)
    assert widths(model_of(run)) == {"conv_1": 2, "conv_2": 4, "dense": 16, "logits": 10}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["share=1.0"], "share=1.0: not valid"),
        (["criterion=l3"], "criterion=l3: not one of the choices; accepted: l1, l2, batch_norm"),
        (["multiple=0"], "multiple=0: not valid"),
        (["+stages.x.per_layer={conv_1: 2.0}"], "conv_1=2.0: not valid"),
        (["+stages.x.per_layer={conv_1: 0.5}", "exclude=[conv_1]"], "per_layer=conv_1: in exclude too"),
        (["exclude=[conv_3]"], "exclude=conv_3: no such layer to prune; accepted: conv_1, conv_2, dense, logits; did"),
        (
            ["+stages.x.per_layer={logits: 0.5}"],
            "per_layer=logits: no such layer to prune; accepted: conv_1, conv_2, dense",
        ),
        (["exclude=[conv_1, conv_2, dense]"], "exclude=conv_1,conv_2,dense: leaves no layer to prune"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(overrides, line):
    with pytest.raises(ConfigError) as caught:
        stage(*overrides)
    assert line in str(caught.value)
