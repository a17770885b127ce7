"""What must answer without TensorFlow, and what Hydra's users expect to work."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from whole_runs import SMALL

HEAVY = (
    "tensorflow",
    "tf_keras",
    "tensorflow_model_optimization",
    "pandas",
    "sklearn",
    "scipy",
    "numpy",
    "pooch",
    "matplotlib",
    "mlflow",
    "tensorboard",
    "optuna",
)

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

FORKED = """
import json, os, sys
import hydra, pipeline.job  # once for all of them; were it heavy, each would say so
program, *lines = sys.argv[1:]
for number, line in enumerate(lines):
    if not (child := os.fork()):
        sys.argv = ["-c", *json.loads(line)]
        for stream in (1, 2):
            os.dup2(os.open(f"{number}.{stream}", os.O_WRONLY | os.O_CREAT), stream)
        exec(program, {"__name__": "program"})
    with open(f"{number}.code", "w") as file:
        file.write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""
"""Runs a program with each of several command lines, in processes of their own that share the imports alone."""

ASKED = {
    "cfg": (["+experiment=digits", "stages.prune.final_sparsity=0.9", "optimizer=sgd", "--cfg", "job"], 0),
    "help": (["--help"], 0),
    "info": (["+experiment=digits", "--info"], 0),
    "hydra": (["--hydra-help"], 0),
    "plan": (["+experiment=digits", "tracking=mlflow", "profile.stage=auto", "dry_run=true"], 0),
    "elsewhere": (["+experiment=digits", "hydra.run.dir=elsewhere", "hydra.verbose=true", "dry_run=true"], 0),
    "added": (["+experiment=digits", "+stage@stages.teacher=train", "stages.teacher.epochs=3", "dry_run=true"], 0),
    "experiment": (["+experiment=digts"], 2),
    "key": (["+experiment=digits", "stages.prune.final_sparsty=0.5"], 2),
    "input": (["+experiment=digits", "stages.prune.inputs.model=nobody"], 2),
    "store": (["store", "list"], 0),
    "compare": (["compare", "--help"], 0),
    "absent": (["compare", "absent", "absent"], 2),
}


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def answers(folder) -> dict[str, Answer]:
    """What each command line of `ASKED` says; its code is 100 more if nothing heavy was imported."""
    (folder / "cache/frugal/store").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRUGAL_STORE", str(folder / "store"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("COLUMNS", "200")
        for name in ("HYDRA_FULL_ERROR", "PIPELINE_RUN_ID"):
            patch.delenv(name, raising=False)
        lines = [json.dumps(words) for words, _ in ASKED.values()]
        subprocess.run([sys.executable, "-c", FORKED, LOADED, *lines], cwd=folder, check=True)
    found = {}
    for number, name in enumerate(ASKED):
        code, out, err = (Path(folder, f"{number}.{end}").read_text() for end in ("code", 1, 2))
        found[name] = Answer(int(code), out, err)
    return found


@pytest.mark.parametrize("name", ASKED)
def test_no_heavy_import(name, answers):
    assert answers[name].code == ASKED[name][1] + 100, answers[name].err


def test_no_heavy_import_when_every_stage_is_reused(small_run, tmp_path, monkeypatch):
    monkeypatch.setenv("FRUGAL_STORE", str(small_run[1]))
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *SMALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 100, done.stderr


def test_help_names_every_group_and_gives_five_examples(answers):
    out = answers["help"].out
    for group in ("experiment", "data", "model", "optimizer", "stage", "tracking", "debug"):
        assert f"\n{group}: " in out
    assert out.count("\n  python -m pipeline ") >= 5
    assert "hydra/" not in out


def test_cfg_shows_the_composed_configuration(answers):
    assert "final_sparsity: 0.9" in answers["cfg"].out
    assert "momentum: 0.9" in answers["cfg"].out


def test_the_output_folder_and_verbosity_are_hydras(answers, folder):
    assert answers["elsewhere"].code == 100
    assert (folder / "elsewhere/.hydra/overrides.yaml").is_file()


def test_a_group_can_be_added_under_a_name(answers):
    assert " teacher " in answers["added"].out


def test_an_experiment_of_the_user_is_found(cli, tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/only_data.yaml").write_text(
        "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\nname: mine\n"
    )
    done = cli("--config-dir", str(tmp_path / "mine"), "+experiment=only_data")
    assert done.code == 0, done.err
    assert done.statuses == {"prepare": "built"}


COMPLETED = {
    "frugal +experiment=di": "+experiment=digits",
    "frugal +experiment=digits stages.prune.final": "stages.prune.final_sparsity=",
    "frugal optimizer=s": "optimizer=sgd",
}


def test_tab_completes_in_bash(tmp_path):
    """Sources what the program prints and asks bash, as a user's shell would."""
    program = Path(sys.executable).with_name("frugal")
    asked = "".join(
        f"COMP_LINE={line!r}; COMP_POINT={len(line)}; COMP_WORDS=({line}); COMP_CWORD={len(line.split()) - 1}\n"
        "hydra_bash_completion; echo : ${COMPREPLY[@]}\n"
        for line in COMPLETED
    )
    script = f'export PATH="{program.parent}:$PATH"; eval "$(frugal -sc install=bash)"\n{asked}'
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line.split() for line in done.stdout.splitlines() if line.startswith(":")]
    for words, expected in zip(found, COMPLETED.values(), strict=True):
        assert expected in words, done.stderr
