"""What the presets of conf/debug/ make of a run; that every experiment gets small is in test_cli_conf.py."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import pipeline
from pipeline.engine.errors import ConfigError
from pipeline.engine.observer import Observers
from pipeline.execution import read_config
from pipeline.folders import CONF

PRESETS = sorted(path.stem for path in (CONF / "debug").glob("*.yaml"))


def stages(*overrides: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return read_config(compose("config", overrides=list(overrides))).stages


def test_a_search_gets_small_in_all_its_stages():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=["+experiment=budget", "debug=tiny", "debug.batch_size=8"])
    budget = read_config(config).settings.budget
    assert (budget["epochs"], budget["fine_tune_epochs"]) == ([1], 1)
    assert budget["techniques"]["measure"]["runs"] == 20
    assert "debug" in budget["techniques"]["report"]["title"]
    assert {each["batch_size"] for each in budget["techniques"].values() if "epochs" in each} == {8}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_and_one_of_its_settings_can_be_changed(preset):
    found = stages("+experiment=digits", f"debug={preset}", "debug.epochs=3")
    assert found["baseline"].epochs == found["prune"].epochs == 3


def test_without_a_preset_nothing_is_changed():
    found = stages("+experiment=digits", "debug=none")
    assert found == stages("+experiment=digits")
    assert found["prepare"].limit is None


def test_a_training_without_anything_against_overfitting():
    found = stages("+experiment=digits", "augment@stages.baseline.augment=flip_crop", "debug=overfit")["baseline"]
    assert found.model.dropout == 0
    assert not any(vars(found.augment).values())


def test_a_wrong_setting_is_named():
    with pytest.raises(ConfigError, match=r"debug.epochs=0: not valid; accepted: greater than 0"):
        stages("+experiment=digits", "debug.epochs=0")


def test_a_mistake_is_told_of_what_the_user_wrote():
    with pytest.raises(ConfigError, match=r"stages.measure_prune.runs=many: not valid; accepted: a valid integer"):
        stages("+experiment=digits", "debug=tiny", "stages.measure_prune.runs=many")
    with pytest.raises(ConfigError, match=r"stages.baseline.augment=flip_crop: takes a group's settings"):
        stages("+experiment=digits", "debug=overfit", "stages.baseline.augment=flip_crop")


def test_a_small_subset_is_learned_by_heart(tmp_path):
    chosen = ["data=digits", "model=cnn", "+stage@stages.prepare=prepare", "+stage@stages.net=train", "debug=overfit"]
    done = pipeline.run(pipeline.compose([*chosen, f"store.path={tmp_path / 'store'}"]), tmp_path / "run")
    history = json.loads(Path(done.artifacts["net"].files, "history.json").read_text())
    assert len(history) == 100
    assert history[-1]["accuracy"] == 1.0


def test_one_batch_is_one_step_of_each_training(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(Observers, "step", lambda self, stage, number: steps.append((stage, number)))
    config = pipeline.compose(["+experiment=breast_cancer", "debug=one_batch", f"store.path={tmp_path / 'store'}"])
    config.stages = {name: config.stages[name] for name in ("prepare", "baseline", "prune")}
    assert set(pipeline.run(config, tmp_path / "run").statuses.values()) == {"built"}
    assert steps == [("baseline", 1), ("prune", 1)]
