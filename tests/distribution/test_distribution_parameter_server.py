"""Whole runs with parameter servers: real processes, killed for real."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from whole_runs import Cli, Done, left_overs, manifests, wait_for_epoch

import pipeline

SCRIPT = Path(pipeline.__file__).parents[1] / "scripts" / "launch_local.py"
TRAINING = (
    "data=digits",
    "model=cnn",
    "model.filters=[8,16]",
    "model.units=32",
    "model.dropout=0.0",
    "+stage@stages.prepare=prepare",
    "+stage@stages.baseline=train",
)
FIFTY_STEPS = (
    "optimizer=sgd",
    "optimizer.learning_rate=0.05",
    "stages.baseline.batch_size=128",
    "stages.baseline.epochs=5",
)
LONG = ("optimizer.learning_rate=0.01", "stages.baseline.epochs=12")
SERVED = "distribution=parameter_server"
pytestmark = pytest.mark.slow


def launcher(*options: str) -> tuple[str, ...]:
    return (sys.executable, str(SCRIPT), *options, "--")


def configs(workers: int, servers: int) -> dict[str, str]:
    """The TF_CONFIG of each process, as the launcher makes it."""
    spec = importlib.util.spec_from_file_location("launch_local", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return dict(module.configs(workers, servers))


def artifact(store: Path) -> Path:
    key = next(key for key, each in manifests(store).items() if each["stage"] == "baseline")
    return store / "artifacts" / key / "files"


def weights(store: Path) -> list[float]:
    """The weights of the model in a store, read in a process of its own: this one keeps free of TensorFlow."""
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom pipeline.models.files import load_model\n"
        "print(json.dumps([v for w in load_model(Path(sys.argv[1])).get_weights() for v in w.ravel().tolist()]))"
    )
    command = [sys.executable, "-c", code, artifact(store) / "model.keras"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def process_of(launch: subprocess.Popen, role: str, index: int) -> psutil.Process:
    for each in psutil.Process(launch.pid).children(recursive=True):
        task = json.loads(each.environ().get("TF_CONFIG", "{}")).get("task")
        if task == {"type": role, "index": index}:
            return each
    raise AssertionError(f"no {role} {index}")


def test_one_worker_trains_what_one_process_trains(tmp_path):
    one = Cli(tmp_path / "one", tmp_path / "store1")
    served = Cli(tmp_path / "served", tmp_path / "store2", launcher("--workers", "1", "--servers", "2"))
    assert one(*TRAINING, *FIFTY_STEPS).code == 0
    done = served(*TRAINING, *FIFTY_STEPS, SERVED, "distribution.min_shard_kb=1")
    assert done.code == 0, done.err[-3000:]
    said = (done.output / "logs" / "baseline.log").read_text()
    variables, parts = map(int, re.search(r"(\d+) variables in (\d+) parts on the parameter servers", said).groups())
    assert parts > variables, "none was cut"
    # The same gradients of the same batches; only the order of sums inside an operation may differ.
    assert weights(served.store) == pytest.approx(weights(one.store), abs=1e-5)
    notes = next(each["notes"] for each in manifests(served.store).values() if each["stage"] == "baseline")
    assert notes == ["what workers and parameter servers spent is not in the cost: it is the chief's alone"]
    history = [json.loads((artifact(cli.store) / "history.json").read_text()) for cli in (one, served)]
    assert history[1][-1] == pytest.approx(history[0][-1], abs=1e-4), "the metrics, those of validation too"


def test_a_lost_server_ends_the_run_and_a_lost_worker_does_not(tmp_path, monkeypatch):
    store = tmp_path / "store"
    places = configs(2, 1)
    servers = {}
    for name in ("worker 0", "worker 1", "ps 0"):
        servers[name] = subprocess.Popen(
            [sys.executable, "-m", "pipeline"],
            env={**os.environ, "TF_CONFIG": places[name]},
            stderr=subprocess.PIPE,
            text=True,
        )
    monkeypatch.setenv("TF_CONFIG", places["chief"])
    chief, folder = Cli(tmp_path / "first", store).start(*TRAINING, *LONG, SERVED)
    monkeypatch.delenv("TF_CONFIG")
    wait_for_epoch(2, chief, store)
    servers["ps 0"].kill()
    servers["ps 0"].communicate(timeout=60)
    out, err = chief.communicate(timeout=300)
    first = Done(chief.returncode, out, err, folder)
    assert first.code == 1, err[-3000:]
    assert "stage baseline failed: ps 0 is lost; started anew, the run goes on from the last completed epoch" in err
    for name in ("worker 0", "worker 1"):
        said = servers[name].communicate(timeout=120)[1]
        assert servers[name].returncode == 0, said[-3000:]
        assert f"{name} serves at 127.0.0.1:" in said
        assert f"{name} ends: the chief is gone" in said

    again = Cli(tmp_path / "again", store, launcher("--survive-workers", "--workers", "2", "--servers", "1"))
    process, folder = again.start(*TRAINING, *LONG, SERVED)
    wait_for_epoch(5, process, store)
    process_of(process, "worker", 1).send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    second = Done(process.returncode, out, err, folder)
    assert second.code == 0, err[-3000:]
    assert "worker 1 failed with 137; the others go on" in err
    assert "going on after epoch" in (second.output / "logs" / "baseline.log").read_text()
    assert left_overs(store) == []
    history = json.loads((artifact(store) / "history.json").read_text())
    assert len(history) == 12
    assert history[-1]["val_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("places", "arguments", "said"),
    [
        (
            None,
            (),
            "baseline.distribution=parameter_server: TF_CONFIG is not set; accepted: python scripts/launch",
        ),
        ((1, 0), (), "stages.baseline.distribution=parameter_server: TF_CONFIG has no ps"),
        ((0, 1), (), "stages.baseline.distribution=parameter_server: TF_CONFIG has no worker"),
        (
            (2, 1),
            ("distribution.workers=3",),
            "baseline.distribution.workers=3: TF_CONFIG has 2; accepted: null, 2",
        ),
        ((2, 1), ("distribution=single",), "distribution=single: TF_CONFIG is set, and no stage uses its cluster"),
        (
            (2, 1),
            ("optimizer.gradient_accumulation_steps=2",),
            "workers can't sum gradients over batches; accepted: 1",
        ),
        (
            (2, 1),
            ("+stage@stages.prune=prune", "stages.prune.inputs.model=baseline"),
            "prune.distribution=parameter_server: can't carry layers that are wrapped or masked; accepted: single",
        ),
        (
            (2, 1),
            ("+stage@stages.narrow=prune_channels", "stages.narrow.inputs.model=baseline"),
            "stages.narrow.distribution=parameter_server: can't carry layers that are wrapped or masked",
        ),
    ],
)
def test_what_it_can_not_do_is_refused_before_anything_runs(places, arguments, said, cli_here, monkeypatch):
    if places:
        monkeypatch.setenv("TF_CONFIG", configs(*places)["chief"])
    done = cli_here(*TRAINING, SERVED, *arguments)
    assert done.code == 2
    assert said in done.err
    assert not list(done.folder.glob("outputs/*/*/logs/*"))
