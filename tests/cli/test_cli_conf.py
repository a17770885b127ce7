"""Walks conf/: every option composes, every key is explained, every experiment is complete."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.execution import read_config
from pipeline.folders import CONF

GROUPS = ("data", "model", "optimizer", "tracking")
NESTED = ("augment", "input", "schedule")
FILES = sorted(path for path in CONF.rglob("*.yaml") if path.parent.name != "local")
KEY = re.compile(r"^\s*[A-Za-z_][\w.-]*:( |$)")


def overrides(path: Path) -> list[str]:
    group, option = path.parent.name, path.stem
    base = ["+stage@stages.prepare=prepare", "+stage@stages.baseline=train"]
    if group in NESTED:
        place = "optimizer" if group == "schedule" else "stages.baseline"
        base.append(f"{group}@{place}.{group}={option}")
    else:
        base.append(f"{group}={option}")
    required = {
        "csv": ["data.path=any.csv", "data.label=any"],
        "parquet": ["data.path=any.parquet", "data.label=any"],
        "image_folder": ["data.path=any", "data.size=[8,8]"],
        "arrays": ["data.path=any.npz"],
        "tfrecord": ["data.path=any.tfrecord"],
        "tfds": ["data.name=any"],
        "function": ["data._target_=mine.load"],
    }
    return [*base, *required.get(option, [])]


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name in (*GROUPS, *NESTED)], ids=lambda path: path.stem
)
def test_every_option_composes(path):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = read_config(compose("config", overrides=overrides(path)))
    assert list(found.stages) == ["prepare", "baseline"]


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_composes_and_gets_small(path):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=[f"+experiment={path.stem}"])
    found = read_config(config)
    assert set(found.stages) == set(found.settings.stages)
    small = list(read_config(OmegaConf.merge(config, OmegaConf.load(CONF / "debug/tiny.yaml"))).stages.values())
    assert {stage.epochs for stage in small if hasattr(stage, "epochs") and stage.kind != "score"} <= {1}
    assert {stage.limit for stage in small if stage.kind == "prepare"} == {100}
    assert all(stage.runs == 20 for stage in small if stage.kind == "measure")
    assert all("debug" in stage.title for stage in small if stage.kind == "report")


def test_every_stage_composes():
    options = [path.stem for path in FILES if path.parent.name == "stage"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", overrides=[f"+stage@stages.{option}={option}" for option in options])
    assert {option: config.stages[option].kind for option in options} == {option: option for option in options}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_every_file_opens_with_a_comment_and_every_setting_has_one(path):
    lines = path.read_text().splitlines()
    assert any(line.startswith("# ") for line in lines[:2]), "no opening comment"
    if (
        path.parent.name not in ("data", "model", "optimizer", "stage", "tracking", "debug", *NESTED)
        and path.name != "config.yaml"
    ):
        return
    settings = lines[: lines.index("hydra:")] if "hydra:" in lines else lines
    bare = [
        line
        for number, line in enumerate(settings)
        if KEY.match(line)
        and "#" not in line
        and not line.startswith(("kind:", "source:", "family:", "name:", "tracker:", "defaults:"))
        and not (line.rstrip().endswith(":") and number + 1 < len(settings))
        and "md5:" not in line
    ]
    assert bare == []


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_says_its_command_what_it_shows_its_figures_and_its_time(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(header)
    assert f"python -m pipeline +experiment={path.stem}" in text
    assert "Shows:" in text
    assert "Measured:" in text
    assert re.search(r"Time: \d+ s", text)
