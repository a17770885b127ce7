"""Sweeps that Optuna steers, over what is measured of a model that is in the store: no job needs TensorFlow."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole_runs import SMALL, Cli, digests

STAGES = {
    "prepare": "prepare",
    "baseline": "train",
    "export_baseline": "export",
    "measure_baseline": "measure",
    "report": "report",
}
BUILT = ("prepare", "baseline", "export_baseline")
CHAIN = (
    "data=digits",
    "model=cnn",
    *(f"+stage@stages.{name}={kind}" for name, kind in STAGES.items()),
    *(
        each
        for each in SMALL
        if each.startswith(("model.", "optimizer.", "stages.baseline.", "stages.export_baseline."))
    ),
    "stages.export_baseline.inputs.model=baseline",
    "stages.measure_baseline.inputs.model=export_baseline",
    "+stages.report.inputs.baseline=measure_baseline",
)
"""The part of the small run that makes and measures its first model."""

OPTUNA = ("-m", "hydra/sweeper=optuna", *CHAIN)
RUNS = "stages.measure_baseline.runs"


@pytest.fixture(scope="module")
def chain(small_run, tmp_path_factory):
    """A command line whose store has the model."""
    folder = tmp_path_factory.mktemp("chain")
    return Cli(folder, Path(shutil.copytree(small_run[1], folder / "store")))


def trials(sweep: Path):
    import optuna

    (name,) = optuna.get_all_study_names(f"sqlite:///{sweep}/study.db")
    return optuna.load_study(study_name=name, storage=f"sqlite:///{sweep}/study.db").trials


def sweep_of(done) -> Path:
    (path,) = done.folder.glob("multirun/run/*")
    return path


@pytest.fixture(scope="module")
def two_objectives(chain):
    """Three trials of NSGA-II, two at a time."""
    done = chain(
        *OPTUNA,
        *("hydra.sweeper.sampler=nsga2", "hydra.sweeper.n_trials=3", "hydra.launcher.n_jobs=2"),
        *("hydra.sweeper.objectives=[accuracy,latency_p50]", "hydra.sweeper.population_size=2", "hydra.sweeper.seed=1"),
        *(f"{RUNS}=range(6,19)", "stages.measure_baseline.warmup=choice(1,2)"),
    )
    assert done.code == 0, done.err
    return done


def test_several_objectives_have_a_pareto_set(two_objectives):
    sweep = sweep_of(two_objectives)
    found = trials(sweep)
    assert [trial.state.name for trial in found] == ["COMPLETE"] * 3
    rows = list(csv.DictReader((sweep / "sweep.csv").read_text().splitlines()))
    for row in rows:
        report = json.loads((sweep / row["job"] / "report" / "report.json").read_text())
        figures = report["models"][0]["measurement"]
        assert found[int(row["job"])].values == [figures["accuracy"], figures["latency_ms"]["p50"]]
        assert float(row["latency_p50"]) == figures["latency_ms"]["p50"]
    fastest = min(rows, key=lambda row: float(row["latency_p50"]))
    assert fastest["pareto"] == "True"
    assert rows[0]["pareto"] == "True"
    assert len({row[RUNS] for row in rows}) > 1


def test_jobs_take_the_model_from_the_store_and_add_none(two_objectives, chain, small_run):
    assert digests(chain.store) == digests(small_run[1])
    for path in sweep_of(two_objectives).glob("*/ledger.json"):
        built = {row["stage"] for row in json.loads(path.read_text())["stages"] if row["status"] == "built"}
        assert built == {"measure_baseline", "report"}


def test_a_killed_sweep_makes_up_what_is_missing(chain, tmp_path):
    sweep = tmp_path / "sweep"
    command = (
        *OPTUNA,
        *("hydra.sweeper.n_trials=3", f"hydra.sweep.dir={sweep}", "hydra.sweeper.startup_trials=2"),
        f"{RUNS}=choice(20,21)",
    )
    process, _ = chain.start(*command, start_new_session=True)
    deadline = time.monotonic() + 300
    while not (sweep / "jobs" / "1.json").is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = trials(sweep)
    assert [trial.state.name for trial in before] == ["COMPLETE", "RUNNING"]
    done = chain(*command)
    assert done.code == 0, done.err
    after = trials(sweep)
    assert [trial.state.name for trial in after].count("COMPLETE") == 3
    assert after[1].state.name == "COMPLETE" or (after[1].state.name == "FAIL" and after[2].params == before[1].params)
    rows = list(csv.DictReader((sweep / "sweep.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["done"] * 3
    again = chain(*command)
    assert again.code == 0, again.err
    assert len(trials(sweep)) == len(after)


def test_a_mistake_is_one_line_before_any_job(chain):
    done = chain(*OPTUNA, f"{RUNS}=choice(5,6)", "hydra.sweeper.storage=nowhere://x")
    assert done.code == 2, done.err
    assert "error: hydra.sweeper.storage=nowhere://x: can't be opened" in done.err
    assert "Traceback" not in done.err
    assert not list(done.folder.glob("multirun/*/*/jobs"))


def test_hydra_is_not_slowed_by_a_sweeper_that_is_not_chosen():
    code = (
        "import sys\nfrom pipeline.sweeping.plugins import register\nregister()\n"
        "print([name for name in ('optuna', 'pandas', 'matplotlib', 'moocore') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
