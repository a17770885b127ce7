"""The local launcher, with real processes that cost little."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import pipeline

SCRIPT = Path(pipeline.__file__).parents[1] / "scripts" / "launch_local.py"
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
ROLE = "import json, os, sys, time; task = json.loads(os.environ['TF_CONFIG'])['task']; role = task['type']\n"


def start(*arguments: str) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name not in ("TF_CONFIG", "COLUMNS")}
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def launch(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def python(code: str) -> list[str]:
    return ["--", sys.executable, "-c", ROLE + code]


def alive(mark: str) -> list[psutil.Process]:
    """The processes whose command line holds a mark, but for zombies."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        if mark in " ".join(each.info["cmdline"] or []) and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return found


def wait_until(condition) -> bool:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_each_process_is_told_its_place_and_its_lines_begin_with_it():
    code, out, err = launch(
        "--workers", "2", "--servers", "1",
        *python(
            "print('said', role, task['index'], json.dumps(json.loads(os.environ['TF_CONFIG'])['cluster']))\n"
            "print('threads', os.environ['TF_NUM_INTRAOP_THREADS'], file=sys.stderr)"
        ),
    )  # fmt: skip
    assert code == 0, err
    lines = out.splitlines()
    assert sorted(line.partition(" {")[0] for line in lines) == [
        "[chief] said chief 0",
        "[ps 0] said ps 0",
        "[worker 0] said worker 0",
        "[worker 1] said worker 1",
    ]
    clusters = {line.partition(" {")[2] for line in lines}
    assert len(clusters) == 1
    assert clusters.pop().count("127.0.0.1:") == 4
    assert err.count("threads 1") == 4
    assert "\x1b[" not in out + err, "colours are for a terminal"


def test_the_chief_decides_and_servers_end_with_it():
    code, out, _ = launch(
        "--workers", "1", "--servers", "1",
        *python("print('up', flush=True)\nif role != 'chief': time.sleep(600)\ntime.sleep(0.5)\nsys.exit(3)"),
    )  # fmt: skip
    assert code == 3
    assert "[chief] up" in out


def test_a_failing_worker_ends_all_with_its_exit_code():
    mark = f"mark-{os.getpid()}-fail"
    code, _, err = launch(
        "--workers", "2", "--servers", "1",
        *python(f"'{mark}'\nif role == 'worker' and task['index'] == 1: sys.exit(7)\ntime.sleep(600)"),
    )  # fmt: skip
    assert code == 7
    assert "worker 1 failed with 7; ending all" in err
    assert alive(mark) == []


def test_a_failing_worker_is_survived_if_asked_but_not_the_last():
    command = python(
        "if role == 'worker': time.sleep(task['index']); sys.exit(7)\nif role == 'ps': time.sleep(600)\ntime.sleep({})"
        .replace("{}", "0.8")
    )  # fmt: skip
    code, _, err = launch("--survive-workers", "--workers", "2", "--servers", "1", *command)
    assert code == 0, err
    assert "worker 0 failed with 7; the others go on" in err
    code, _, err = launch("--survive-workers", "--workers", "1", "--servers", "1", *command)
    assert code == 7
    assert "worker 0 failed with 7; ending all" in err


def test_a_killed_process_gives_the_code_of_a_shell():
    code, _, err = launch(
        "--workers", "1",
        *python("if role == 'worker': os.kill(os.getpid(), 9)\ntime.sleep(600)"),
    )  # fmt: skip
    assert code == 137, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_all_and_leaves_none_behind(number):
    mark = f"mark-{os.getpid()}-{number}"
    process = start("--workers", "2", "--servers", "1", *python(f"'{mark}'\nprint('up', flush=True)\ntime.sleep(600)"))
    for _ in range(4):
        assert process.stdout.readline().endswith("up\n")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert alive(mark) == []


def test_one_that_does_not_listen_to_a_signal_is_killed_with_its_children():
    mark = f"mark-{os.getpid()}-deaf"
    deaf = (
        f"'{mark}'\nimport signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"own = \"'{mark}'; import time; time.sleep(600)\"\n"
        "subprocess.Popen([sys.executable, '-c', own], start_new_session=True)\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    process = start("--workers", "1", *python(deaf))
    for _ in range(2):
        assert process.stdout.readline().endswith("up\n")
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert alive(mark) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends them on Linux only")
def test_a_launcher_that_is_killed_leaves_none_behind():
    mark = f"mark-{os.getpid()}-killed"
    process = start("--workers", "2", *python(f"'{mark}'\nprint('up', flush=True)\ntime.sleep(600)"))
    for _ in range(3):
        assert process.stdout.readline().endswith("up\n")
    process.kill()
    process.communicate(timeout=60)
    assert wait_until(lambda: alive(mark) == [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command"),
        (["--workers", "1"], "no command"),
        (["--", "true"], "accepted: --ranks, or --workers and --servers"),
        (["--ranks", "2", "--workers", "1", "--", "true"], "accepted: --ranks, or --workers and --servers"),
        (["--ranks", "2", "--survive-workers", "--", "true"], "--survive-workers goes with --workers"),
        (["--workers", "-1", "--", "true"], "accepted: a whole number from 0"),
        (["--workers", "two", "--", "true"], "accepted: a whole number from 0"),
    ],
)
def test_a_wrong_call_is_refused(arguments, said):
    code, _, err = launch(*arguments)
    assert code == 2
    assert said in err


def test_help_has_an_example():
    code, out, _ = launch("--help")
    assert code == 0
    assert "--workers 2 --servers 1 -- " in out


@pytest.mark.slow
@pytest.mark.skipif(not HOROVODRUN.is_file(), reason="Horovod is not installed: uv sync --extra horovod")
def test_ranks_are_started_by_horovodrun():
    code, out, err = launch(
        "--ranks", "2", "--", sys.executable, "-c", "import os; print('rank', os.environ['HOROVOD_RANK'])"
    )
    assert code == 0, err
    assert sorted(out.splitlines()) == ["[rank 0] rank 0", "[rank 1] rank 1"]
