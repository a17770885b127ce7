"""The pipeline from Python, as a notebook uses it."""

import shlex

import pytest

import pipeline
from pipeline.engine.errors import ConfigError, StageError

TABLE = (
    "data=breast_cancer",
    "+stage@stages.prepare=prepare",
    "+stage@stages.fewer=sample",
    "stages.fewer.fraction=0.5",
)


@pytest.fixture
def stored(tmp_path):
    return (*TABLE, f"store.path={tmp_path / 'store'}")


def test_a_run_says_what_was_built_and_what_it_cost(stored, tmp_path):
    config = pipeline.compose(stored)
    first = pipeline.run(config, tmp_path / "first")
    assert first.statuses == {"prepare": "built", "fewer": "built"}
    assert first.core_seconds > 0
    assert (first.artifacts["fewer"].files).is_dir()
    assert (first.folder / "ledger.json").is_file()
    second = pipeline.run(config, tmp_path / "second")
    assert second.statuses == {"prepare": "reused", "fewer": "reused"}
    assert second.core_seconds == 0


def test_the_command_of_a_run_is_the_command_line_that_composes_it(stored):
    from pipeline.api import _parts

    assert _parts(pipeline.compose(stored))[1] == shlex.join(["python", "-m", "pipeline", *TABLE])


def test_a_configuration_changed_in_python_is_kept_and_repeats_the_run(stored, tmp_path):
    from pipeline.api import _parts

    config = pipeline.compose(stored)
    config.stages.fewer.fraction = 0.25
    done = pipeline.run(config, tmp_path / "changed")
    assert _parts(config)[1] == ""
    again = pipeline.run(done.folder / "config.yaml", tmp_path / "again")
    assert again.artifacts["fewer"].key == done.artifacts["fewer"].key
    assert set(again.statuses.values()) == {"reused"}


def test_a_dry_run_makes_nothing(stored, tmp_path):
    done = pipeline.run(pipeline.compose([*stored, "dry_run=true"]), tmp_path / "dry")
    assert done.entries == []
    assert not (tmp_path / "dry").exists()


def test_mistakes_are_told_in_one_line(stored):
    with pytest.raises(ConfigError, match=r"data=cvs: no such option; .*did you mean csv"):
        pipeline.compose(["data=cvs"])
    with pytest.raises(ConfigError, match=r"stages.fewer.fractoin=1: unknown key; accepted: .*did you mean fraction"):
        pipeline.run(pipeline.compose([*stored, "+stages.fewer.fractoin=1"]))
    with pytest.raises(ConfigError, match=r"stages: nothing to run.*\+experiment=digits"):
        pipeline.run(pipeline.compose())


def test_a_failed_stage_is_raised_and_what_was_built_before_stays(stored, tmp_path):
    config = pipeline.compose([*stored, "stages.fewer.method=balanced", "stages.fewer.fraction=null"])
    config.stages.fewer.per_class = 100_000
    with pytest.raises(StageError, match="per_class"):
        pipeline.run(config, tmp_path / "failed")
    assert pipeline.run(pipeline.compose(stored), tmp_path / "next").statuses["prepare"] == "reused"


def test_composing_leaves_a_caller_s_own_hydra_alone():
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().is_initialized()
    pipeline.compose(["data=digits"])
    assert GlobalHydra.instance().is_initialized() == before
