"""The same run on two processes, started by a real `horovodrun`."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from whole_runs import Cli, left_overs, manifests, wait_for_epoch

PLAIN = (
    "model=mlp",
    "model.dropout=0.0",
    "stages.baseline.epochs=3",
    "stages.prune.epochs=3",
    "stages.prune.final_sparsity=0.5",
)
"""Without dropout and batch normalization, which draw and average on each rank by itself, ranks change nothing."""

WHOLE = (
    "+experiment=digits",
    *PLAIN,
    "stages.quantize.calibration_examples=50",
    "stages.export_baseline.formats=[tflite]",
    "stages.export_prune.formats=[tflite]",
    "stages.measure_baseline.runs=20",
    "stages.measure_prune.runs=20",
    "stages.measure_quantize.runs=20",
)

TRAINING = (
    "data=digits",
    "+stage@stages.prepare=prepare",
    "+stage@stages.baseline=train",
    "+stage@stages.prune=prune",
    "stages.prune.inputs.model=baseline",
    *PLAIN,
)
"""The same, as far as ranks train together."""

HOROVODRUN = Path(sys.executable).with_name("horovodrun")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOROVODRUN.is_file(), reason="Horovod is not installed: uv sync --extra horovod"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run on two ranks and the run in one process, each on a store of its own."""
    folder = tmp_path_factory.mktemp("horovod")
    two = Cli(folder / "two", folder / "store2", launcher=(str(HOROVODRUN), "-np", "2", "-H", "localhost:2"))
    one = Cli(folder / "one", folder / "store1")
    done = two(*WHOLE, "distribution=horovod", "tracking=tensorboard"), one(*TRAINING)
    for each in done:
        assert each.code == 0, each.err[-3000:]
    return (two, done[0]), (one, done[1])


@pytest.fixture(scope="module")
def weights(runs):
    """The weights of each model in both stores, read in one process of its own: this one keeps free of TensorFlow."""
    paths = {
        f"{number} {each['stage']}": cli.store / "artifacts" / each["key"] / "files" / "model.keras"
        for number, (cli, _) in zip(("two", "one"), runs, strict=True)
        for each in manifests(cli.store).values()
        if each["stage"] in ("baseline", "prune")
    }
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom pipeline.models.files import load_model\n"
        "flat = lambda path: [value for w in load_model(Path(path)).get_weights() for value in w.ravel().tolist()]\n"
        "print(json.dumps([flat(path) for path in sys.argv[1:]]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, *paths.values()], capture_output=True, text=True, check=True
    ).stdout
    return dict(zip(paths, json.loads(out.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("stage", ["baseline", "prune"])
def test_two_ranks_train_what_one_process_trains(weights, stage):
    assert weights[f"two {stage}"] == pytest.approx(weights[f"one {stage}"], abs=1e-4)


def test_one_rank_writes_and_every_rank_logs(runs):
    (two, done), _ = runs
    assert set(done.statuses.values()) == {"built"}
    assert len(list(done.folder.glob("outputs/*/*"))) == 1
    assert (done.output / "frugal.rank1.log").is_file()
    assert (done.output / "logs" / "baseline.rank1.log").is_file()
    assert left_overs(two.store) == []
    assert "[1]<stderr>:[" not in done.err + done.out


def test_one_rank_alone_tracks_the_run(runs):
    (_, done), _ = runs
    found = [path.parent.relative_to(done.output) for path in done.output.rglob("events.out.tfevents.*")]
    assert sorted(map(str, found)) == ["tensorboard", "tensorboard/baseline", "tensorboard/prune"]


def test_the_ledger_counts_the_cores_of_all_ranks(runs):
    (two, done), _ = runs
    baseline = next(each for each in manifests(two.store).values() if each["stage"] == "baseline")
    row = next(
        row for row in json.loads((done.output / "ledger.json").read_text())["stages"] if row["stage"] == "baseline"
    )
    assert row["cost"]["core_seconds"] == pytest.approx(baseline["cost"]["core_seconds"], rel=0.2)
    assert row["cost"]["peak_bytes"] > 800e6, "two processes hold TensorFlow"


def test_the_report_repeats_the_launcher(runs):
    (_, done), _ = runs
    document = json.loads((done.output / "report" / "report.json").read_text())
    assert document["command"].startswith("horovodrun -np 2 python -m pipeline +experiment=digits")


def test_a_second_launch_reuses_everything(runs):
    (two, _), _ = runs
    done = two(*WHOLE, "distribution=horovod")
    assert done.code == 0
    assert set(done.statuses.values()) == {"reused"}


def test_a_launch_for_a_single_process_is_refused(runs):
    (two, _), _ = runs
    done = two(*WHOLE)
    assert done.code != 0
    assert "distribution=single: 2 processes were started for it; accepted: horovod" in done.err + done.out


LONG = (*TRAINING, "distribution=horovod", "stages.baseline.epochs=15")


def rank(number, process):
    """The process of a rank of a launch."""
    return next(
        each
        for each in reversed(psutil.Process(process.pid).children(recursive=True))
        if "pipeline" in each.cmdline() and each.environ().get("HOROVOD_RANK") == str(number)
    )


def test_a_rank_that_is_killed_ends_the_run_and_the_next_launch_goes_on(runs, tmp_path):
    (two, _), _ = runs
    store = tmp_path / "store"
    process, _ = two.start(*LONG, store=store)
    wait_for_epoch(2, process, store)
    rank(1, process).send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert re.search(r"rank 1\b|Process name: 1\b", out + err), (out + err)[-3000:]
    done = two(*LONG, store=store)
    assert done.code == 0, done.err[-3000:]
    assert "going on after epoch" in (done.output / "logs" / "baseline.log").read_text()
    assert left_overs(store) == []


def test_ranks_that_were_started_for_different_runs_are_refused_before_any_training(runs, tmp_path):
    (two, _), _ = runs
    apart = (*two._launcher, "sh", "-c", 'exec "$@" seed=$HOROVOD_RANK', "sh")
    done = Cli(tmp_path / "runs", tmp_path / "store", launcher=apart)(*TRAINING, "distribution=horovod")
    assert done.code != 0
    assert "rank 1 was started for another run: its stage baseline is not that of rank 0" in done.err + done.out
    assert not list((tmp_path / "store").glob("artifacts/*"))


def test_a_sweep_on_ranks_has_one_folder_a_job(runs, tmp_path):
    (two, _), _ = runs
    store = tmp_path / "store"
    done = two(*TRAINING, "distribution=horovod", "stages.prune.final_sparsity=0.4,0.6", "-m", store=store)
    assert done.code == 0, done.err[-3000:]
    ledgers = sorted(done.folder.glob("multirun/*/*/*/ledger.json"))
    assert [path.parent.name for path in ledgers] == ["0", "1"]
    statuses = [{row["stage"]: row["status"] for row in json.loads(path.read_text())["stages"]} for path in ledgers]
    assert statuses[0] == {"prepare": "built", "baseline": "built", "prune": "built"}
    assert statuses[1] == {"prepare": "reused", "baseline": "reused", "prune": "built"}
    assert all((path.parent / "logs" / "prune.rank1.log").is_file() for path in ledgers)
