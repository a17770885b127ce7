"""Two ranks train what one process trains: real launches, one for all cases."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOROVODRUN.is_file(), reason="Horovod is not installed: uv sync --extra horovod"),
]

BOUNDS = {
    "sgd": 2e-6,
    "adam": 2e-5,
    "decayed": 2e-5,
    "groups": 2e-5,
    "fp16": 2e-3,
    "passes": 2e-6,
    "synchronized": 2e-4,
}
"""The largest difference of a weight after 52 steps; the weights are of the order of 1."""


def launched(ranks, folder, cases):
    """Runs the cases on so many ranks."""
    script = [sys.executable, str(HERE / "horovod_cases.py"), str(folder), *cases]
    launcher = [str(HOROVODRUN), "-np", str(ranks), "-H", f"localhost:{ranks}"] if ranks > 1 else []
    paths = os.pathsep.join(map(str, (HERE.parents[1], HERE.parent)))
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": paths}
    return subprocess.run([*launcher, *script], env=environment, capture_output=True, text=True, timeout=600)


def trained_by(ranks, folder, cases):
    """Returns each case's (history, weights) on every rank."""
    done = launched(ranks, folder, cases)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return {case: [read(folder, case, rank) for rank in range(ranks)] for case in cases}


def read(folder, case, rank):
    with np.load(folder / f"{case}.{rank}.npz") as file:
        return json.loads((folder / f"{case}.{rank}.json").read_text()), [file[name] for name in file.files]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    cases = [*BOUNDS, "by_rank"]
    one, two = (trained_by(ranks, tmp_path_factory.mktemp(f"ranks{ranks}"), cases) for ranks in (1, 2))
    return {case: (one[case], two[case]) for case in cases}


@pytest.mark.parametrize("case", BOUNDS)
def test_ranks_that_share_a_batch_train_what_one_process_trains_on_all_of_it(case, trained):
    [(_, alone)], ranks = trained[case]
    for weights in zip(alone, *(weights for _, weights in ranks), strict=True):
        for other in weights[1:]:
            np.testing.assert_allclose(other, weights[0], atol=BOUNDS[case])
    assert max(abs(weight).max() for weight in alone) > 0.3


def test_four_ranks_train_what_one_process_trains(trained, tmp_path):
    for case, ranks in trained_by(4, tmp_path, ["sgd", "adam"]).items():
        [(_, alone)] = trained[case][0]
        for _, weights in ranks:
            for ours, theirs in zip(weights, alone, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=BOUNDS[case])


@pytest.mark.parametrize("case", BOUNDS)
def test_metrics_are_those_of_all_examples_on_every_rank(case, trained):
    [(alone, _)], ((first, _), (second, _)) = trained[case]
    assert first == second
    assert set(first[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name in first[0]:
        expected = [epoch[name] for epoch in alone]
        assert [epoch[name] for epoch in first] == pytest.approx(expected, abs=2e-2 if case == "fp16" else 2e-3)
    assert first[-1]["val_accuracy"] > 0.3


def test_batch_statistics_are_a_ranks_own_unless_they_are_synchronized(trained):
    [(_, alone)], ((_, first), (_, second)) = trained["by_rank"]
    differences = [abs(a - b).max() for a, b in zip(first, second, strict=True)]
    assert max(differences) > 1e-3, "moving averages of different examples"
    assert max(abs(a - b).max() for a, b in zip(alone, first, strict=True)) > BOUNDS["synchronized"]


def test_a_rank_that_hangs_is_named_and_ends_the_launch(tmp_path):
    done = launched(2, tmp_path, ["hangs"])
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert re.search(r"no step was finished for \d+ s: rank 0 is in step 4, rank 1 is in step 3", said), said[-3000:]
    assert "rank 1 hangs; the same command goes on from the last completed epoch" in said
    assert not list(tmp_path.iterdir())
