"""What the README shows works as it is written there."""

import re
import shlex
from pathlib import Path

import pytest
from whole_runs import jobs

import pipeline

README = (Path(pipeline.__file__).parents[1] / "README.md").read_text()


def test_the_experiment_in_the_readme_is_planned_by_its_command(cli, tmp_path):
    text = re.search(r"```yaml\n(# @package _global_.*?)```", README, re.DOTALL)[1]
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/compare.yaml").write_text(text)
    done = cli("--config-dir", str(tmp_path / "mine"), "+experiment=compare", "dry_run=true")
    assert done.code == 0, done.err
    assert [line.split()[1] for line in done.out.splitlines()] == ["prepare", "baseline", "half", "most"]


COMMANDS = re.findall(r"^python -m pipeline (.*?)\s*(?:#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_in_the_readme_are_planned(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.csv").write_text("a,b,species\n" + "".join(f"{n},1,{'xy'[n % 2]}\n" for n in range(40)))
    for overrides in jobs(shlex.split(command)):
        pipeline.run(pipeline.compose([*overrides, "dry_run=true", f"store.path={tmp_path / 'store'}"]))
