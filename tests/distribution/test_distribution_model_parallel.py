"""A training over a mesh of devices beside the same on one."""

import json
import os
import subprocess
import sys

import mesh_cases
import pytest
from whole_runs import manifests

pytestmark = pytest.mark.slow

CLOSE = 1e-5
"""How far weights may be from those of one device after 50 steps: sums over a mesh are rounded otherwise."""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All that is trained here, in a process whose TensorFlow starts with four logical devices."""
    folder = tmp_path_factory.mktemp("mesh")
    environment = {name: value for name, value in os.environ.items() if name != "FRUGAL_LOGICAL_CPUS"}
    done = subprocess.run(
        [sys.executable, mesh_cases.__file__, folder], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("case", mesh_cases.EQUAL, ids=" ".join)
def test_fifty_steps_give_the_weights_of_one_device(results, case):
    assert results["equal"][" ".join(case)] < CLOSE


def test_each_device_keeps_its_part_of_the_weights_and_of_the_optimizer_state(results):
    assert results["parts"] == {**results["parts"], **{
        "hidden_1/kernel": [[64, 16]] * 4,
        "hidden_1/bias": [[16]] * 4,
        "logits/kernel": [[16, 10]] * 4,
        "logits/bias": [[10]] * 4,
        "conv_2/kernel": [[3, 3, 8, 8]] * 4,
        "norm_1/gamma": [[8]] * 4,
        "momentums/hidden_1/kernel": [[64, 16]] * 4,
        "velocities/conv_2/kernel": [[3, 3, 8, 8]] * 4,
    }}  # fmt: skip


def test_a_training_goes_on_from_its_checkpoint_with_the_very_weights(results):
    found = results["resumed"]
    assert found["kept"] == ["epoch-00001", "epoch-00002"]
    assert found["same history"]
    assert found["difference"] == 0


def test_metrics_memory_and_steps_are_those_of_one_device_also_where_rows_do_not_divide_a_batch(results):
    found = results["resumed"]
    assert found["metrics"] == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert found["metrics from single"] < CLOSE
    assert found["from single"] < CLOSE
    assert found["memory"] == dict.fromkeys(("momentums", "velocities"), found["trained bytes"])
    assert found["iterations"] == 4 * mesh_cases.STEPS


@pytest.mark.parametrize(
    ("family", "case"),
    [
        *(("layouts", case) for case in mesh_cases.LAYOUTS),
        *(("goals", case) for case in mesh_cases.GOALS),
    ],
)
def test_a_few_steps_of_sgd_are_those_of_one_device(results, family, case):
    assert results[family][case]["weights"] < CLOSE
    assert results[family][case]["metrics"] < CLOSE


@pytest.mark.parametrize("name", mesh_cases.SCHEDULES)
def test_schedules_go_the_same_way(results, name):
    assert results["schedules"][name] < CLOSE


def test_more_devices_than_tensorflow_has_started_with_are_refused(results):
    assert results["too late"].startswith("a mesh of 8 devices needs as many logical ones")
    assert results["too late"].endswith("or one started with FRUGAL_LOGICAL_CPUS=8")


STAGES = (
    "data=digits",
    "model=mlp",
    "+stage@stages.prepare=prepare",
    "+stage@stages.baseline=train",
    "stages.baseline.epochs=2",
    "distribution=model_parallel",
)


def test_a_run_trains_and_distils_over_a_mesh(cli):
    done = cli(
        *STAGES,
        "+stage@stages.teach=teach",
        "+stages.teach.inputs.teacher=baseline",
        "+stage@stages.distill=distill",
        "stages.distill.epochs=2",
    )
    assert done.code == 0, done.err[-3000:]
    assert set(done.statuses.values()) == {"built"}
    log = (done.output / "logs" / "baseline.log").read_text()
    assert "variables are split; a device keeps" in log
    kinds = {each["kind"] for each in manifests(cli.store).values()}
    assert kinds == {"prepare", "train", "teach", "distill"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("+stage@stages.prune=prune", "stages.prune.inputs.model=baseline"),
            "distribution=model_parallel: can't carry layers that are wrapped or masked; accepted: single, horovod",
        ),
        (
            ("optimizer=adam", "optimizer.amsgrad=true"),
            "amsgrad=True can't run on a mesh of devices; accepted: False",
        ),
        (("distribution.mesh.model=1",), "distribution.mesh: one device has nothing to share"),
        (("distribution.mesh.batch=7",), "distribution.mesh.batch=7: does not divide batch_size="),
        (("distribution.preset=null",), "distribution.layouts: nothing is to be split"),
        (("distribution.preset=rows",), "dense_conv"),
    ],
)
def test_what_it_cannot_carry_is_refused_before_anything_runs(cli_here, arguments, said):
    done = cli_here(*STAGES, *arguments)
    assert done.code == 2
    assert said in done.err + done.out
    assert not manifests(cli_here.store)
