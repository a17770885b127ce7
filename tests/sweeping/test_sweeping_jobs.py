"""Sweeps of jobs that need no TensorFlow: processes, failures, what is left behind, and what is written down."""

import csv
import json
import os
import signal
import time

import psutil
import pytest
from whole_runs import Cli, left_overs, manifests

TABLE = ("-m", "data=breast_cancer", "+stage@stages.prepare=prepare")
VALIDATION = "stages.prepare.validation"


def table(done):
    (path,) = done.folder.glob("multirun/*/*/sweep.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def page(done):
    (path,) = done.folder.glob("multirun/*/*/sweep.html")
    return path.read_text()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Three jobs, two at a time, the second of which fails."""
    folder = tmp_path_factory.mktemp("mixed")
    cli = Cli(folder, folder / "store")
    return cli, cli(*TABLE, f"{VALIDATION}=0.1,0.95,0.2", "hydra.launcher.n_jobs=2")


def test_a_failed_job_does_not_stop_the_others_and_the_exit_code_is_its(mixed):
    cli, done = mixed
    assert done.code == 2, done.err
    assert len(manifests(cli.store)) == 2
    assert left_overs(cli.store) == []
    assert "job 0 done in" in done.out
    assert "job 1 failed after" in done.out
    assert "(exit code 2): stages.prepare.validation=0.95: validation and test leave nothing to train on" in done.out
    assert "3 jobs: 2 done, 1 failed." in done.out


def test_the_cause_is_in_the_table_and_on_the_page(mixed):
    _, done = mixed
    rows = {row["job"]: row for row in table(done)}
    assert {number: row["status"] for number, row in rows.items()} == {"0": "done", "1": "failed", "2": "done"}
    assert [row[VALIDATION] for row in (rows["0"], rows["1"], rows["2"])] == ["0.1", "0.95", "0.2"]
    assert "leave nothing to train on" in rows["1"]["cause"]
    assert "validation=0.95</td><td>failed</td><td>" in page(done)
    assert "leave nothing to train on" in page(done)


def test_each_job_has_a_folder_of_its_own_and_what_it_said_is_kept_apart(mixed):
    _, done = mixed
    (sweep,) = done.folder.glob("multirun/run/*")
    assert [(sweep / str(n) / "ledger.json").is_file() for n in range(3)] == [True, False, True]
    assert "ledger" not in done.out
    assert "ledger" in (sweep / "jobs" / "0.log").read_text()
    assert "leave nothing to train on" in (sweep / "jobs" / "1.log").read_text()
    assert "validation=0.2" in (sweep / "2" / ".hydra" / "overrides.yaml").read_text()


def test_the_cores_are_shared_out_unless_the_user_has(mixed, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import os\nimport numpy as np\n"
        "def load(name):\n"
        "    threads = [os.environ[each] for each in ('TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS')]\n"
        "    print('threads of', name, *threads, flush=True)\n"
        "    return np.arange(40.0).reshape(20, 2), np.arange(20) % 2\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    cli, _ = mixed
    own = ("-m", "data=function", TABLE[2], "data._target_=mine.load", "allow_targets=[mine]")
    done = cli(*own, "+data.arguments.name=a,b", "hydra.launcher.n_jobs=2")
    assert done.code == 0, done.err + done.out
    said = "".join(path.read_text() for path in done.folder.glob("multirun/*/*/*/logs/prepare.log"))
    assert f"threads of a {max(1, len(os.sched_getaffinity(0)) // 2)} 7" in said


def test_a_job_that_is_killed_is_a_failed_one(mixed):
    cli, _ = mixed
    process, folder = cli.start(*TABLE, f"{VALIDATION}=0.11,0.12", "hydra.launcher.n_jobs=2")
    victim = worker_of(process.pid, 0)
    victim.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "job 0 failed after" in out
    assert "(exit code 1): killed by SIGKILL" in out
    assert "job 1 done in" in out
    (path,) = folder.glob("multirun/*/*/jobs/0.json")
    assert json.loads(path.read_text())["status"] == "failed"


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_sweep_that_ends_leaves_no_process(mixed, how):
    cli, _ = mixed
    process, folder = cli.start(
        *TABLE,
        f"{VALIDATION}=0.13,0.14,0.15",
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


def test_a_second_sweep_in_the_same_folder_is_refused(mixed, tmp_path):
    import portalocker

    cli, _ = mixed
    folder = tmp_path / "sweep"
    folder.mkdir()
    with portalocker.Lock(folder / ".lock"):
        done = cli(*TABLE, f"{VALIDATION}=0.1,0.2", f"hydra.sweep.dir={folder}")
    assert done.code == 1
    assert f"hydra.sweep.dir={folder}: another sweep is at work there" in done.err


def test_glob_takes_every_experiment_of_a_folder(mixed, tmp_path):
    cli, _ = mixed
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    for name, share in (("mine_few", 0.1), ("mine_more", 0.2)):
        (mine / f"{name}.yaml").write_text(
            "# @package _global_\ndefaults:\n  - /stage@stages.prepare: prepare\n  - override /data: breast_cancer\n"
            f"  - _self_\nname: {name}\nstages: {{prepare: {{validation: {share}}}}}\n"
        )
    done = cli("-m", "--config-dir", str(tmp_path / "mine"), "+experiment=glob(mine_*)", "hydra.launcher.n_jobs=2")
    assert done.code == 0, done.err
    assert [row["experiment"] for row in table(done)] == ["mine_few", "mine_more"]


@pytest.mark.parametrize(
    ("launcher", "module"), [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]
)
def test_launchers_of_others_take_one_override(mixed, launcher, module):
    pytest.importorskip(f"hydra_plugins.{module}", reason="uv sync --extra launchers")
    cli, _ = mixed
    done = cli(*TABLE, f"{VALIDATION}=0.1,0.95,0.2", f"hydra/launcher={launcher}")
    assert done.code == 2, done.err
    (sweep,) = done.folder.glob("multirun/run/*")
    assert [(sweep / str(number) / "frugal.log").is_file() for number in range(3)] == [True, True, True]
    assert (sweep / "0" / "ledger.json").is_file()
    rows = {row["job"]: row for row in table(done)}
    assert {number: row["status"] for number, row in rows.items()} == {"0": "done", "1": "failed", "2": "done"}
    assert "leave nothing to train on" in rows["1"]["cause"]


def test_an_unknown_setting_of_a_launcher_is_one_line(mixed):
    cli, _ = mixed
    done = cli(*TABLE, f"{VALIDATION}=0.1,0.2", "hydra.launcher.n_jobs=0")
    assert done.code == 2
    assert "error: hydra.launcher.n_jobs=0: not valid; accepted: 1 or more" in done.err
