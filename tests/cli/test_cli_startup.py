"""What must answer without TensorFlow, and what Hydra's users expect to work."""

import subprocess
import sys

import pytest
from whole_runs import SMALL

HEAVY = ("tensorflow", "tf_keras", "pandas", "sklearn", "scipy", "pooch", "tensorflow_model_optimization", "matplotlib")

LOADED = f"""
import sys
from pipeline.__main__ import main
sys.argv = ["pipeline", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as leaving:
    code = leaving.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
sys.exit(f"loaded {{loaded}}" if loaded else (code or 0) + 100)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["+experiment=digits", "--cfg", "job"], 0),
        (["--help"], 0),
        (["+experiment=digits", "--info"], 0),
        (["--hydra-help"], 0),
        (["+experiment=digits", "dry_run=true"], 0),
        (["+experiment=digts"], 2),
        (["+experiment=digits", "stages.prune.final_sparsty=0.5"], 2),
        (["+experiment=digits", "stages.prune.inputs.model=nobody"], 2),
        (["store", "list"], 0),
        (["compare", "--help"], 0),
        (["compare", "absent", "absent"], 2),
    ],
)
def test_no_heavy_import(arguments, code, tmp_path, monkeypatch):
    monkeypatch.setenv("FRUGAL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache/frugal/store").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code + 100, done.stderr


def test_no_heavy_import_when_every_stage_is_reused(small_run, tmp_path, monkeypatch):
    monkeypatch.setenv("FRUGAL_STORE", str(small_run[1]))
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *SMALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 100, done.stderr


def test_help_names_every_group_and_gives_five_examples(cli):
    out = cli("--help").out
    for group in ("experiment", "data", "model", "optimizer", "stage"):
        assert f"\n{group}: " in out
    assert out.count("\n  python -m pipeline ") >= 5
    assert "hydra/" not in out


def test_cfg_shows_the_composed_configuration(cli):
    out = cli("+experiment=digits", "stages.prune.final_sparsity=0.9", "optimizer=sgd", "--cfg", "job").out
    assert "final_sparsity: 0.9" in out
    assert "momentum: 0.9" in out


def test_the_output_folder_and_verbosity_are_hydras(cli, tmp_path):
    target = tmp_path / "elsewhere"
    done = cli("+experiment=digits", f"hydra.run.dir={target}", "hydra.verbose=true", "dry_run=true")
    assert done.code == 0, done.err
    assert (target / ".hydra" / "overrides.yaml").is_file()


def test_a_group_can_be_added_under_a_name(cli):
    done = cli("+experiment=digits", "+stage@stages.teacher=train", "stages.teacher.epochs=3", "dry_run=true")
    assert done.code == 0, done.err
    assert " teacher " in done.out


def test_an_experiment_of_the_user_is_found(cli, tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/only_data.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\nname: mine\n"
    )
    done = cli("--config-dir", str(tmp_path / "mine"), "+experiment=only_data")
    assert done.code == 0, done.err
    assert done.statuses == {"prepare": "built"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("frugal +experiment=di", "+experiment=digits"),
        ("frugal +experiment=digits stages.prune.final", "stages.prune.final_sparsity="),
        ("frugal optimizer=s", "optimizer=sgd"),
    ],
)
def test_tab_completes_in_bash(line, expected, tmp_path):
    """Sources what the program prints and asks bash, as a user's shell would."""
    from pathlib import Path

    program = Path(sys.executable).with_name("frugal")
    script = f"""
export PATH="{program.parent}:$PATH"
eval "$(frugal -sc install=bash)"
COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
hydra_bash_completion
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert expected in done.stdout.split(), done.stderr
