import shutil

import numpy as np
import pytest
from training_cases import EPOCHS, data, interrupt, train, uninterrupted

from pipeline.keras import keras
from pipeline.training import fit
from pipeline.training.determinism import SeedEachEpoch


@pytest.mark.parametrize(("kind", "pruned"), [("adam", False), ("sgd", False), ("narrow", False), ("sgd", True)])
def test_an_interrupted_training_ends_bit_for_bit_as_an_uninterrupted_one(kind, pruned, tmp_path):
    steps = data()[2]
    kept = [interrupt(tmp_path, at, kind=kind, pruned=pruned) for at in (steps + 3, 3 * steps + 1)]
    assert kept == [["epoch-00001"], ["epoch-00002", "epoch-00003"]]
    model, outcome = train(tmp_path, kind=kind, pruned=pruned)
    assert outcome == uninterrupted(kind, pruned)
    assert outcome.iterations == EPOCHS * steps // (2 if kind == "narrow" else 1)
    assert len(outcome.history) == EPOCHS
    if pruned:
        masks = [weight.numpy() for weight in model.weights if "mask" in weight.name]
        assert [round(1 - float(np.mean(mask)), 2) for mask in masks] == pytest.approx([0.6, 0.6, 0.6], abs=0.02)
        assert {int(weight) for weight in model.weights if "pruning_step" in weight.name} == {EPOCHS * steps}


def test_the_seed_decides(tmp_path):
    again = train(tmp_path / "again")[1]
    other = train(tmp_path / "other", seed=4)[1]
    assert again == uninterrupted()
    assert other.weights != again.weights
    assert other.history != again.history


def test_a_training_learns_and_reports_its_progress(tmp_path):
    seen, steps = [], data()[2]
    history = [dict(row) for row in train(tmp_path, kind="sgd", seen=seen)[1].history]
    done = [each for each, _, _ in seen]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (1, EPOCHS * steps)
    assert {total for _, total, _ in seen} == {EPOCHS * steps}
    assert seen[0][2].startswith(f"epoch 1/{EPOCHS} step 1/{steps} loss ")
    assert seen[-1][2] == f"epoch {EPOCHS}/{EPOCHS} step {steps}/{steps} loss {history[-1]['loss']:.4f}"
    assert set(history[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


def test_however_many_steps_there_are_few_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "INTERVAL", 1e9)
    seen = []
    assert train(tmp_path, seen=seen)[1] == uninterrupted()
    assert [done for done, _, _ in seen] == [1, EPOCHS * data()[2]]


def test_a_finished_training_is_restored_and_not_repeated(tmp_path):
    seen = []
    train(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert train(tmp_path, seen=seen)[1] == uninterrupted()
    assert seen == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_without_new_seeds_each_epoch_a_resumed_training_would_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(SeedEachEpoch, "on_epoch_begin", keras.callbacks.Callback.on_epoch_begin)
    whole = train(tmp_path / "whole", epochs=2)[1]
    interrupt(tmp_path / "pieces", data()[2] + 1, epochs=2)
    pieces = train(tmp_path / "pieces", epochs=2)[1]
    assert pieces.history[0] == whole.history[0]
    assert pieces.weights != whole.weights


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    interrupt(folder, 3 * data()[2] + 2)
    return folder


def test_a_damaged_and_a_half_written_checkpoint_change_nothing(three_epochs, tmp_path, caplog):
    state = shutil.copytree(three_epochs, tmp_path / "state")
    checkpoints = state / "checkpoints"
    shutil.copytree(checkpoints / "epoch-00003", checkpoints / "epoch-00004.part")
    (checkpoints / "epoch-00004.part" / "history.json").unlink()
    values = checkpoints / "epoch-00003" / "state.data-00000-of-00001"
    values.write_bytes(values.read_bytes()[: values.stat().st_size // 2])
    assert train(state)[1] == uninterrupted()
    assert [record.message for record in caplog.records if "epoch-00003" in record.message]
    assert sorted(path.name for path in checkpoints.iterdir()) == ["epoch-00004", "epoch-00005"]


def test_with_every_checkpoint_damaged_training_starts_from_the_first_weights(three_epochs, tmp_path, caplog):
    state = shutil.copytree(three_epochs, tmp_path / "state")
    for values in state.glob("checkpoints/*/state.data*"):
        values.write_bytes(values.read_bytes()[:-200])
    assert train(state)[1] == uninterrupted()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_loss_that_is_not_finite_ends_training_with_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^epoch 1: the loss is not finite; try a lower learning_rate$"):
        train(tmp_path, kind="sgd", rate=1e30)
    assert not list(tmp_path.rglob("epoch-*"))
