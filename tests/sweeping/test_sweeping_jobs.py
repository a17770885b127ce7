"""Sweeps of jobs that need no TensorFlow: processes, failures, what is left behind, and what is written down."""

import csv
import os
import signal
import time

import psutil
import pytest
from whole_runs import Cli, left_overs, manifests

MINE = """
import os, signal
import numpy as np

def load(share):
    print("threads", *(os.environ.get(each) for each in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")), flush=True)
    if share == 0.4:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.arange(40.0).reshape(20, 2), np.arange(20) % 2
"""
"""A source that costs no import of a library, and that kills the job of a share of 0.4."""

TABLE = (
    "-m",
    *("data=function", "data._target_=mine.load", "allow_targets=[mine]"),
    "+data.arguments.share=${stages.prepare.validation}",
    "+stage@stages.prepare=prepare",
)
VALIDATION = "stages.prepare.validation"


@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    """The command line, which finds the source; the user has said how many threads OpenMP is to have."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "mine.py").write_text(MINE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")
        patched.setenv("OMP_NUM_THREADS", "7")
        patched.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        yield Cli(folder, folder / "store")


def table(done):
    (path,) = done.folder.glob("multirun/*/*/sweep.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def page(done):
    (path,) = done.folder.glob("multirun/*/*/sweep.html")
    return path.read_text()


@pytest.fixture(scope="module")
def mixed(cli):
    """Four jobs, two at a time: the second fails, the third is killed."""
    return cli(*TABLE, f"{VALIDATION}=0.1,0.95,0.4,0.2", "hydra.launcher.n_jobs=2")


def test_a_failed_job_and_a_killed_one_do_not_stop_the_others(mixed, cli):
    assert mixed.code == 2, mixed.err
    assert len(manifests(cli.store)) == 2
    assert [path.parent.name for path in left_overs(cli.store)] == ["work"], "of the one that was killed"
    for number in (0, 3):
        assert f"job {number} done in" in mixed.out
    assert "job 1 failed after" in mixed.out
    assert "(exit code 2): stages.prepare.validation=0.95: validation and test leave nothing to train on" in mixed.out
    assert "job 2 failed after" in mixed.out
    assert "(exit code 1): killed by SIGKILL" in mixed.out
    assert "4 jobs: 2 done, 2 failed." in mixed.out


def test_the_cause_is_in_the_table_and_on_the_page(mixed):
    rows = {row["job"]: row for row in table(mixed)}
    assert [(rows[n]["status"], rows[n][VALIDATION]) for n in "0123"] == [
        ("done", "0.1"),
        ("failed", "0.95"),
        ("failed", "0.4"),
        ("done", "0.2"),
    ]
    assert "leave nothing to train on" in rows["1"]["cause"]
    assert rows["2"]["cause"] == "killed by SIGKILL"
    assert "validation=0.95</td><td>failed</td><td>" in page(mixed)
    assert "leave nothing to train on" in page(mixed)


def test_each_job_has_a_folder_of_its_own_and_what_it_said_is_kept_apart(mixed):
    (sweep,) = mixed.folder.glob("multirun/run/*")
    assert [(sweep / str(n) / "ledger.json").is_file() for n in range(4)] == [True, False, False, True]
    assert "ledger" not in mixed.out
    assert "ledger" in (sweep / "jobs" / "0.log").read_text()
    assert "leave nothing to train on" in (sweep / "jobs" / "1.log").read_text()
    assert "validation=0.2" in (sweep / "3" / ".hydra" / "overrides.yaml").read_text()


def test_the_cores_are_shared_out_unless_the_user_has(mixed):
    (path,) = mixed.folder.glob("multirun/*/*/0/logs/prepare.log")
    assert f"threads {max(1, len(os.sched_getaffinity(0)) // 2)} 7" in path.read_text()


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_sweep_that_ends_leaves_no_process(cli, how):
    process, folder = cli.start(
        *TABLE,
        f"{VALIDATION}=0.3,0.35,0.36",
        "hydra.launcher.n_jobs=2",
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    workers = [worker_of(process.pid, number) for number in (0, 1)]
    os.killpg(process.pid, signal.SIGINT if how == "interrupted" else signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    gone, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    assert len(gone) == 2
    if how == "interrupted":
        assert process.returncode == 130
        assert "interrupted; the same command goes on" in err
        assert list(folder.glob("multirun/*/*/sweep.html")) or not list(folder.glob("multirun/*/*/jobs/*.json"))


def worker_of(pid, number):
    """The process of a job, once there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [each for each in psutil.Process(pid).children() if "pipeline.sweeping.worker" in each.cmdline()]
        if len(found) > number:
            return sorted(found, key=lambda each: each.pid)[number]
        time.sleep(0.02)
    raise AssertionError(f"no process of job {number}")


def test_a_second_sweep_in_the_same_folder_is_refused(cli, tmp_path):
    import portalocker

    folder = tmp_path / "sweep"
    folder.mkdir()
    with portalocker.Lock(folder / ".lock"):
        done = cli(*TABLE, f"{VALIDATION}=0.1,0.2", f"hydra.sweep.dir={folder}")
    assert done.code == 1
    assert f"hydra.sweep.dir={folder}: another sweep is at work there" in done.err


def test_glob_takes_every_experiment_of_a_folder_and_one_by_one_jobs_speak_for_themselves(cli, tmp_path):
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    for name, share in (("mine_few", 0.15), ("mine_most", 0.95), ("mine_some", 0.25)):
        (mine / f"{name}.yaml").write_text(
            "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\n  - override /data: function\n"
            f"  - _self_\nname: {name}\ndata: {{_target_: mine.load, arguments: {{share: {share}}}}}\n"
            f"allow_targets: [mine]\nstages: {{prepare: {{validation: {share}}}}}\n"
        )
    before = len(manifests(cli.store))
    done = cli("-m", "--config-dir", str(tmp_path / "mine"), "+experiment=glob(mine_*)")
    assert done.code == 2
    assert "stages.prepare.validation=0.95: validation and test leave nothing to train on" in done.err
    assert done.out.count("ledger") == 2
    rows = {row["experiment"]: row["status"] for row in table(done)}
    assert rows == {"mine_few": "done", "mine_some": "done", "mine_most": "failed"}
    assert len(manifests(cli.store)) == before + 2


@pytest.mark.parametrize(
    ("launcher", "module"), [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]
)
def test_launchers_of_others_take_one_override(cli, launcher, module):
    pytest.importorskip(f"hydra_plugins.{module}", reason="uv sync --extra launchers")
    done = cli(*TABLE, f"{VALIDATION}=0.95,0.1", f"hydra/launcher={launcher}")
    assert done.code == 2, done.err
    (sweep,) = done.folder.glob("multirun/run/*")
    assert [(sweep / str(number) / "frugal.log").is_file() for number in range(2)] == [True, True]
    assert (sweep / "1" / "ledger.json").is_file()
    rows = {row["job"]: row for row in table(done)}
    assert {number: row["status"] for number, row in rows.items()} == {"0": "failed", "1": "done"}
    assert "leave nothing to train on" in rows["0"]["cause"]


def test_an_unknown_setting_of_a_launcher_is_one_line(cli):
    done = cli(*TABLE, f"{VALIDATION}=0.1,0.2", "hydra.launcher.n_jobs=0")
    assert done.code == 2
    assert "error: hydra.launcher.n_jobs=0: not valid; accepted: 1 or more" in done.err
