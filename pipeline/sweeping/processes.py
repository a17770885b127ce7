"""Jobs in processes of their own, several at a time: a line when one starts and ends, and none left behind."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from rich.console import Console

from pipeline.distribution.cluster import current as current_cluster
from pipeline.engine.errors import ConfigError
from pipeline.engine.ranks import current
from pipeline.failures import ReportedError
from pipeline.sweeping import record
from pipeline.sweeping.record import Record
from pipeline.sweeping.threads import share, side_by_side

POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0
"""How long a job may take to leave when it is interrupted."""

_console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Running:
    """A job's process, since when it runs, and its number and overrides."""

    process: "subprocess.Popen[bytes]"
    began: float
    number: int
    overrides: Sequence[str]


def launch(launcher: Any, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Runs a batch of jobs.

    Args:
        launcher: With `n_jobs`, `hydra_context`, `task_function` and `config`.
        job_overrides: Those of each job.
        first: The first one's number.

    Returns:
        What they came to, in their order. Ranks and the chief of a cluster run them one by one in this process, which
        the others wait for.
    """
    if current().size > 1 or current_cluster() is not None:
        return _in_this_process(launcher, job_overrides, first)
    if launcher.n_jobs < 1:
        raise ConfigError("hydra.launcher.n_jobs", "not valid", value=launcher.n_jobs, accepted=["1 or more"])
    sweep = Path(launcher.config.hydra.sweep.dir)
    at_a_time = side_by_side({"n_jobs": launcher.n_jobs}, len(job_overrides))
    waiting = deque(enumerate(job_overrides, start=first))
    running: list[Running] = []
    ended: dict[int, Record] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                running.append(_start(launcher, sweep, *waiting.popleft(), at_a_time))
            for job in [each for each in running if each.process.poll() is not None]:
                running.remove(job)
                ended[job.number] = _ended(sweep, job)
            time.sleep(POLL_SECONDS)
    finally:
        _stop(running)
    return [_returned(ended[number]) for number in sorted(ended)]


def _in_this_process(launcher: Any, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    basic = BasicLauncher()
    basic.setup(hydra_context=launcher.hydra_context, task_function=launcher.task_function, config=launcher.config)
    return list(basic.launch(job_overrides, first))


def _start(launcher: Any, sweep: Path, number: int, overrides: Sequence[str], at_a_time: int) -> Running:
    environment = dict(os.environ)
    share(at_a_time, environment)
    record.forget(sweep, number)
    _console.print(f"job {number} started: {' '.join(filter_overrides(overrides))}", markup=False)
    sys.stdout.flush()
    said = None
    if at_a_time > 1:  # side by side they would write across each other
        console = record.console_file(sweep, number)
        console.parent.mkdir(parents=True, exist_ok=True)
        said = console.open("wb")
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.sweeping.worker"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,  # it and what it starts are ended together, by us alone
        )
    finally:
        if said is not None:
            said.close()
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended already, and its exit code tells
        pickle.dump((launcher.hydra_context, launcher.config, list(overrides), number), process.stdin)
        process.stdin.flush()
    return Running(process, time.monotonic(), number, overrides)


def _ended(sweep: Path, job: Running) -> Record:
    """Returns the record of a job that has ended, and says what it came to; one that was killed could write none."""
    assert job.process.stdin is not None
    with suppress(BrokenPipeError):
        job.process.stdin.close()
    code, seconds = job.process.returncode, time.monotonic() - job.began
    found = record.read(sweep, job.number) or Record(job.number, list(job.overrides))
    if found.status == "running":
        by = f"killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
        found = replace(found, status="failed", exit_code=max(1, code), cause=by)
    found = replace(found, seconds=seconds)
    record.write(sweep, found)
    if found.status == "done":
        said = f"job {job.number} done in {seconds:.1f} s{_verdict(Path(found.folder))}"
    else:
        said = f"job {job.number} failed after {seconds:.1f} s (exit code {found.exit_code}): {found.cause}"
    _console.print(said, markup=False)
    return found


def _verdict(folder: Path) -> str:
    return "".join(f": {path.read_text().strip()}" for path in sorted(folder.glob("*/verdict.txt")))


def _returned(found: Record) -> JobReturn:
    made = JobReturn(overrides=list(found.overrides))
    if found.status == "done":
        made.status = JobStatus.COMPLETED
    else:
        made.status, made.return_value = JobStatus.FAILED, ReportedError(found.exit_code, found.cause)
    return made


def _stop(running: Sequence[Running]) -> None:
    """Interrupts what still runs, and kills what does not leave."""
    for job in running:
        _signal(job, signal.SIGINT)
    try:
        deadline = time.monotonic() + GRACE_SECONDS
        for job in running:
            with suppress(subprocess.TimeoutExpired):
                job.process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for job in running:
            _signal(job, signal.SIGKILL)
            job.process.wait()


def _signal(job: Running, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(job.process.pid, number)
