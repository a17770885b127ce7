"""Whole runs of a pipeline of two processes, started and killed for real."""

import json
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from whole_runs import Cli, digests, manifests, wait_for_epoch

import pipeline

SCRIPT = Path(pipeline.__file__).parents[1] / "scripts" / "launch_local.py"
LAUNCHER = (
    sys.executable,
    str(SCRIPT),
    "--workers",
    "1",
    "--",
)
TRAINING = (
    "data=digits",
    "model=mlp",
    "model.units=[48,32]",
    "model.dropout=0.0",
    "+stage@stages.prepare=prepare",
    "+stage@stages.baseline=train",
    "optimizer.learning_rate=0.002",
    "stages.baseline.batch_size=128",
    "stages.baseline.epochs=5",
)
"""Fifty steps of Adam, the last of each epoch on a smaller batch."""

PIPELINE = "distribution=pipeline_parallel"
pytestmark = pytest.mark.slow


def weights(store: Path) -> list[np.ndarray]:
    from pipeline.models.files import load_model

    key = next(key for key, each in manifests(store).items() if each["stage"] == "baseline")
    return load_model(store / "artifacts" / key / "files" / "model.keras").get_weights()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same training in a pipeline and in one process: what each said, and its store."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    for name, launcher, more in (("pipeline", LAUNCHER, (PIPELINE,)), ("single", (), ())):
        store = folder / name / "store"
        done = Cli(folder / name, store, launcher)(*TRAINING, *more)
        assert done.code == 0, done.out + done.err
        found[name] = done, store
    return found


def test_50_steps_of_two_processes_end_with_the_weights_of_one(runs):
    pairs = zip(weights(runs["pipeline"][1]), weights(runs["single"][1]), strict=True)
    assert 0 < max(float(np.abs(one - other).max()) for one, other in pairs) < 2e-6


def test_each_stage_has_its_process_and_its_activations_are_in_the_ledger(runs):
    done, store = runs["pipeline"]
    said = done.out + done.err
    assert "stage 0 on /job:localhost/replica:0/task:0/device:CPU:0: scaling to " in said
    assert "stage 1 on /job:worker/replica:0/task:0/device:CPU:0: " in said
    rows = json.loads((done.output / "ledger.json").read_text())["stages"]
    kept = next(row["kept_bytes"] for row in rows if row["stage"] == "baseline")
    assert {"stage 0 activations", "stage 1 activations"} < kept.keys()
    assert all(size > 0 for size in kept.values())
    notes = next(each["notes"] for each in manifests(store).values() if each["stage"] == "baseline")
    assert notes == ["what the other stages' processes spent is not in the cost: it is the chief's alone"]


def test_a_killed_run_goes_on_and_ends_bit_for_bit_as_an_uninterrupted_one(runs, tmp_path):
    cli = Cli(tmp_path, tmp_path / "store", LAUNCHER)
    process, _ = cli.start(*TRAINING, PIPELINE)
    wait_for_epoch(2, process, cli.store)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        each.kill()
    process.communicate()
    assert list(cli.store.glob("work/*/state/checkpoints/epoch-00002"))
    assert not [path for path in cli.store.glob("work/*/state/checkpoints/*/*") if "part-" in path.name]
    done = cli(*TRAINING, PIPELINE)
    assert done.code == 0, done.out + done.err
    assert "going on after epoch" in done.out + done.err
    assert digests(cli.store) == digests(runs["pipeline"][1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "distribution.stages=null: TF_CONFIG is not set; accepted: TF_CONFIG with a chief and workers, a number"),
        (("distribution.stages=1",), "distribution.stages=1: nothing to pass on; accepted: 2 or more"),
        (("distribution.stages=3", "distribution.cuts=[dense_1]"), "distribution.cuts=[dense_1]: too many or too few"),
        (("distribution.stages=2", "stages.baseline.batch_size=3"), "batch_size=3: fewer examples than micro-batches"),
        (("distribution.stages=2", "distribution.schedule=zero"), "distribution.schedule"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(cli_here, arguments, said):
    done = cli_here(*TRAINING, PIPELINE, *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_cut_that_is_no_layer_is_refused_before_training(cli):
    done = cli(*TRAINING, PIPELINE, "distribution.stages=2", "distribution.cuts=[dense_7]")
    assert done.code == 1
    assert "no cut after layer 'dense_7'; accepted: " in done.out + done.err
