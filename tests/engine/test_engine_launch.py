"""Ranks that `mpirun` or `srun` have started."""

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from whole_runs import Cli

from pipeline.engine.errors import ConfigError
from pipeline.engine.launch import Place, enter, find_place

OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
}
MPICH = {"PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}
SLURM = {
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "2(x3)",
    "SLURM_NTASKS": "6",
}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (OPEN_MPI, Place(3, 4, 1, 2)),
        (MPICH, Place(1, 2, 1, 2)),
        (SLURM, Place(5, 6, 1, 2)),
        ({}, None),
        ({**OPEN_MPI, "HOROVOD_RANK": "0"}, None),
        ({**SLURM, "TF_CONFIG": "{}"}, None),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}, None),
    ],
)
def test_a_place_is_read_from_the_launchers_variables(environment, place):
    assert find_place(environment) == place


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({**SLURM, "SLURM_STEP_TASKS_PER_NODE": "2(x2),1"}, "SLURM_STEP_TASKS_PER_NODE=2\\(x2\\),1: nodes differ"),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_RANK": "2"}, "OMPI_COMM_WORLD_RANK=2: rank 1 of its node"),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "3"}, "as many processes on each node"),
    ],
)
def test_nodes_that_differ_are_refused(environment, said):
    with pytest.raises(ConfigError, match=said):
        find_place(environment)


def test_the_environment_is_the_one_that_horovodrun_makes():
    made = Place(3, 4, 1, 2).environment("head", 29500)
    assert (made["HOROVOD_RANK"], made["HOROVOD_SIZE"]) == ("3", "4")
    assert (made["HOROVOD_LOCAL_RANK"], made["HOROVOD_CROSS_RANK"], made["HOROVOD_CROSS_SIZE"]) == ("1", "1", "2")
    assert (made["HOROVOD_GLOO_RENDEZVOUS_ADDR"], made["HOROVOD_GLOO_RENDEZVOUS_PORT"]) == ("head", "29500")
    assert "HOROVOD_GLOO_IFACE" not in made
    assert Place(1, 2, 1, 2).environment("127.0.0.1", 1)["HOROVOD_GLOO_IFACE"] == "lo"


@pytest.mark.parametrize(
    ("place", "environment", "said"),
    [
        (Place(0, 4, 0, 2), {}, "MASTER_ADDR: not set, for 4 processes on several nodes"),
        (Place(0, 2, 0, 2), {"MASTER_PORT": "high"}, "MASTER_PORT=high: not a port"),
    ],
)
def test_a_store_that_cannot_be_found_is_said(place, environment, said):
    with pytest.raises(ConfigError, match=said):
        enter(place, environment)


def test_a_port_that_is_taken_is_said():
    pytest.importorskip("horovod")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(ConfigError, match=f"MASTER_PORT={port}: taken; accepted: a free port"):
            enter(Place(0, 2, 0, 2), {"MASTER_PORT": port})


MPIRUN = shutil.which("mpirun", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


@pytest.mark.slow
@pytest.mark.skipif(MPIRUN is None, reason="mpirun is not installed")
def test_ranks_that_mpirun_has_started_train_together(tmp_path, monkeypatch, free_port):
    pytest.importorskip("horovod")
    monkeypatch.setenv("MASTER_PORT", str(free_port))
    launcher = (MPIRUN, "--allow-run-as-root", "--oversubscribe", "-np", "2")
    done = Cli(tmp_path / "runs", tmp_path / "store", launcher)(
        "data=digits",
        "model=mlp",
        "+stage@stages.prepare=prepare",
        "+stage@stages.baseline=train",
        "stages.baseline.epochs=1",
        "distribution=horovod",
    )
    assert done.code == 0, done.err[-3000:]
    assert set(done.statuses.values()) == {"built"}
    assert (done.output / "logs" / "baseline.rank1.log").is_file()
