"""A user's own defaults: read with every run, below what an experiment and the command line say, and never tracked."""

import shutil
import subprocess
from pathlib import Path

import pytest

import pipeline
from pipeline.folders import CONF, SHIPPED

OWN = """# @package _global_
defaults:
  - override /optimizer: sgd
store:
  path: elsewhere
cost:
  per_core_hour: 0.5
name: own
"""


@pytest.fixture
def own(tmp_path):
    """A configuration folder with own defaults, of which the command line knows by --config-dir."""
    (tmp_path / "mine/local").mkdir(parents=True)
    (tmp_path / "mine/local/default.yaml").write_text(OWN)
    return tmp_path / "mine"


def test_they_are_read_from_the_folder_that_is_there_for_them(own, tmp_path, monkeypatch):
    shutil.copytree(CONF, tmp_path / "conf")
    shutil.copy(own / "local/default.yaml", tmp_path / "conf/local")
    monkeypatch.setattr("pipeline.api.CONF", tmp_path / "conf")
    assert pipeline.compose().cost.per_core_hour == 0.5


def test_own_defaults_are_read_and_may_choose_groups(own):
    config = pipeline.compose(config_dir=own)
    assert (config.store.path, config.cost.per_core_hour, config.name) == ("elsewhere", 0.5, "own")
    assert config.optimizer.name == "sgd"
    assert config.cost.currency == "USD"


def test_an_experiment_and_the_command_line_have_the_last_word(own):
    config = pipeline.compose(["+experiment=digits", "cost.per_core_hour=0.25", "optimizer=adam"], config_dir=own)
    assert (config.store.path, config.cost.per_core_hour, config.name) == ("elsewhere", 0.25, "digits")
    assert config.optimizer.name == "adam"


def test_they_can_be_left_out(own):
    assert pipeline.compose(["local=none"], config_dir=own).cost.per_core_hour == 0.04


def test_a_wrong_key_among_them_is_one_line(own, cli):
    (own / "local/default.yaml").write_text("# @package _global_\ncost: {per_cpu_hour: 1}\n")
    done = cli("--config-dir", str(own), "+experiment=digits", "dry_run=true")
    assert done.code == 2
    assert done.err.startswith("error: cost.per_cpu_hour=1: unknown key; accepted: per_core_hour, currency")


def test_the_folder_is_there_and_what_is_put_there_is_ignored():
    assert (CONF / "local/README.md").is_file()
    if (SHIPPED.parent / ".git").exists():
        done = subprocess.run(
            ["git", "check-ignore", "conf/local/default.yaml"], cwd=SHIPPED.parent, capture_output=True, check=False
        )
        assert done.returncode == 0


def test_the_example_in_its_readme_composes(tmp_path):
    text = (CONF / "local/README.md").read_text()
    (tmp_path / "local").mkdir()
    Path(tmp_path, "local/default.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    assert pipeline.compose(config_dir=tmp_path).cost.currency == "EUR"


def test_a_folder_of_all_configurations_that_is_none_is_one_line(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("FRUGAL_CONF", str(tmp_path / "gone"))
    done = cli("+experiment=digits", "dry_run=true")
    assert done.code == 2
    assert done.err == f"error: FRUGAL_CONF={tmp_path / 'gone'}: no config.yaml in it; accepted: a copy of conf/\n"
