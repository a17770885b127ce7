import json

import numpy as np
import pytest

from pipeline.keras import keras
from pipeline.training.checkpoint import Checkpoints


def compiled():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fill(model, value):
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, value, variable.dtype.as_numpy_dtype))


def values(model):
    return {float(value) for each in [*model.variables, *model.optimizer.variables] for value in each.numpy().ravel()}


@pytest.fixture
def saved(tmp_path):
    """A folder with the checkpoints of epochs 1 to 4, whose every number is the epoch's."""
    model = compiled()
    checkpoints = Checkpoints(tmp_path, model)
    for epoch in range(1, 5):
        fill(model, epoch)
        checkpoints.save([{"loss": 0.1 * each} for each in range(epoch)])
    return tmp_path


def restored(folder):
    model = compiled()
    fill(model, 0)
    return Checkpoints(folder, model).restore(), model


def test_the_last_two_are_kept_and_the_newest_is_restored_whole(saved):
    assert sorted(path.name for path in saved.iterdir()) == ["epoch-00003", "epoch-00004"]
    history, model = restored(saved)
    assert history == [{"loss": 0.1 * each} for each in range(4)]
    assert values(model) == {4.0}


def test_nothing_to_restore(tmp_path):
    history, model = restored(tmp_path / "absent")
    assert history == []
    assert values(model) == {0.0}


def truncate(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def flip(name):
    def damage(folder):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return damage


DATA, INDEX, HISTORY = "state.data-00000-of-00001", "state.index", "history.json"
DAMAGES = {
    "values_empty": truncate(DATA, 0),
    "values_short": truncate(DATA, -30),
    "values_flipped": flip(DATA),
    "values_gone": lambda folder: (folder / DATA).unlink(),
    "index_empty": truncate(INDEX, 0),
    "index_short": truncate(INDEX, -30),
    "index_flipped": flip(INDEX),
    "index_gone": lambda folder: (folder / INDEX).unlink(),
    "history_gone": lambda folder: (folder / HISTORY).unlink(),
    "history_empty": truncate(HISTORY, 0),
    "history_short": truncate(HISTORY, -5),
    "history_garbage": lambda folder: (folder / HISTORY).write_bytes(b"\xff\xfe\x00"),
    "history_null": lambda folder: (folder / HISTORY).write_text("null"),
    "history_of_another_epoch": lambda folder: (folder / HISTORY).write_text(json.dumps([{"loss": 0.0}])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_one_line(damage, saved, caplog):
    DAMAGES[damage](saved / "epoch-00004")
    history, model = restored(saved)
    assert len(history) == 3
    assert values(model) == {3.0}
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("checkpoint epoch-00004 can't be read (")
    assert "\n" not in record.message
    assert not (saved / "epoch-00004").exists()


@pytest.mark.parametrize("damage", ["values_short", "values_flipped", "history_null"])
def test_of_checkpoints_that_are_all_damaged_no_value_is_left_in_the_model(damage, saved):
    for folder in saved.iterdir():
        DAMAGES[damage](folder)
    history, model = restored(saved)
    assert history == []
    assert values(model) == {0.0}


def test_what_is_no_finished_checkpoint_is_ignored(saved, caplog):
    (saved / "epoch-00005.part").mkdir()
    (saved / "epoch-00005.part" / "history.json").write_text("[")
    (saved / ".DS_Store").write_bytes(b"x")
    history, model = restored(saved)
    assert (len(history), values(model)) == (4, {4.0})
    assert caplog.records == []
    assert (saved / ".DS_Store").exists()


def test_a_half_written_checkpoint_is_written_anew(saved):
    (saved / "epoch-00005.part").mkdir()
    (saved / "epoch-00005.part" / "left_over").write_text("x")
    history, model = restored(saved)
    fill(model, 5)
    Checkpoints(saved, model).save([*history, {"loss": 9.0}])
    assert sorted(path.name for path in saved.iterdir()) == ["epoch-00004", "epoch-00005"]
    assert not (saved / "epoch-00005" / "left_over").exists()
    assert values(restored(saved)[1]) == {5.0}


def test_a_checkpoint_of_another_model_is_passed_over(saved, caplog):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7), keras.layers.BatchNormalization()])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    fill(model, 0)
    assert Checkpoints(saved, model).restore() == []
    assert values(model) == {0.0}
    assert len(caplog.records) == 2
