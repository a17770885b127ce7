"""Starts a run of several processes on this machine, shows what each says, and ends them together.

    python scripts/launch_local.py --workers 2 --servers 1 -- \
        python -m pipeline +experiment=digits +distribution@stages.baseline.distribution=parameter_server
    python scripts/launch_local.py --ranks 2 -- python -m pipeline +experiment=digits distribution=horovod

With workers, or servers, the command is started once as the chief and once for each of them, told apart by TF_CONFIG,
on free ports of the loopback interface. With ranks, horovodrun starts them. The cores are divided among the processes.
The exit code is that of the first process that failed, or 128 and the number of the signal that ended it.
"""

import argparse
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from rich.console import Console
from rich.text import Text

POLL_SECONDS = 0.05
GRACE_SECONDS = 5.0
"""That processes have to end by themselves before they are told to, and again before they are killed."""

PR_SET_PDEATHSIG = 1
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
RANKED = re.compile(r"\[(\d+)\]<std(?:out|err)>: ?(.*)")
"""How horovodrun begins a rank's line."""

LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Part:
    """A process to start.

    Attributes:
        name: What its lines begin with.
        command: Program and arguments.
        environment: Variables beside those of this process.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def main() -> int:
    """Reads the command line, runs, and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options] -- command"
    )
    parser.add_argument("--workers", type=_count, default=0, help="workers of a TensorFlow cluster")
    parser.add_argument("--servers", type=_count, default=0, help="parameter servers of it")
    parser.add_argument("--ranks", type=_count, default=0, help="ranks of Horovod, instead of these")
    parser.add_argument(
        "--survive-workers", action="store_true", help="go on without a worker that fails, if not the last"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to start, after --")
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("no command; accepted: -- python -m pipeline ...")
    if bool(given.ranks) == bool(given.workers or given.servers):
        parser.error("accepted: --ranks, or --workers and --servers, one of the two, each from 1")
    if given.ranks and given.survive_workers:
        parser.error("--survive-workers goes with --workers; a rank that fails ends the run")
    if given.ranks and not (horovodrun := _horovodrun()):
        parser.error("horovodrun is not installed; accepted: uv sync --extra horovod")
    count = given.ranks or 1 + given.workers + given.servers
    threads = max(1, len(os.sched_getaffinity(0)) // count)
    common = {"PYTHONUNBUFFERED": "1", "TF_NUM_INTRAOP_THREADS": os.environ.get("TF_NUM_INTRAOP_THREADS", str(threads))}
    if given.ranks:
        parts = [Part("ranks", [horovodrun, "-np", str(given.ranks), *command], common)]
    else:
        parts = [
            Part(name, command, {**common, "TF_CONFIG": config})
            for name, config in configs(given.workers, given.servers)
        ]
    return Launch(parts, survive=given.survive_workers).run()


def configs(workers: int, servers: int) -> Iterator[tuple[str, str]]:
    """Yields a name and a TF_CONFIG for each process of a cluster on this machine, the chief first."""
    ports = free_ports(1 + workers + servers)
    counts = {"chief": 1, "worker": workers, "ps": servers}
    cluster = {role: [f"127.0.0.1:{ports.pop()}" for _ in range(count)] for role, count in counts.items() if count}
    for role, addresses in cluster.items():
        for index in range(len(addresses)):
            name = role if role == "chief" else f"{role} {index}"
            yield name, json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback interface that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Launch:
    """Processes that are started, shown and ended together.

    Args:
        parts: The first decides when the run is over, and the others end with it.
        survive: Whether a failing worker is left out, as long as there is another.
    """

    def __init__(self, parts: Sequence[Part], *, survive: bool) -> None:
        self._parts, self._survive = parts, survive
        self._started: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._signal = 0
        self._lock = threading.Lock()
        self._out, self._err = (Console(highlight=False, soft_wrap=True, stderr=stderr) for stderr in (False, True))

    def run(self) -> int:
        """Starts all, and returns the exit code once none is left."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._noted)
        try:
            for part in self._parts:
                self._start(part)
            code = self._wait()
            if code == 0:
                self._wait_for_all()
        finally:
            self._end(self._signal or signal.SIGTERM)
        return code

    def _noted(self, number: int, _: object) -> None:
        self._signal = number

    def _start(self, part: Part) -> None:
        parent = os.getpid()

        def follow_to_death() -> None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before that was asked for
                os.kill(os.getpid(), signal.SIGTERM)

        process = subprocess.Popen(
            part.command,
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=follow_to_death if sys.platform == "linux" else None,
        )
        self._started[part.name] = process
        for stream, console in ((process.stdout, self._out), (process.stderr, self._err)):
            reader = threading.Thread(target=self._show, args=(part.name, stream, console), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _show(self, name: str, stream: IO[str], console: Console) -> None:
        colour = COLOURS[list(self._started).index(name) % len(COLOURS)]
        for line in stream:
            ranked = RANKED.match(line)
            who, said = (f"rank {ranked[1]}", ranked[2]) if ranked else (name, line.rstrip("\n"))
            with self._lock:
                console.print(Text.assemble((f"[{who}] ", colour), said))

    def _say(self, line: str) -> None:
        with self._lock:
            self._err.print(Text(f"launch: {line}"))

    def _wait(self) -> int:
        """Returns when the first part has ended, another has failed, or a signal has come."""
        first, *others = self._started.items()
        watched = dict(others)
        while not self._signal:
            if (code := first[1].poll()) is not None:
                return _exit_code(code)
            for name, process in list(watched.items()):
                if (code := process.poll()) is None:
                    continue
                del watched[name]
                if code == 0:
                    continue
                left = any(each.startswith("worker") for each in watched)
                if self._survive and name.startswith("worker") and left:
                    self._say(f"{name} failed with {_exit_code(code)}; the others go on")
                    continue
                self._say(f"{name} failed with {_exit_code(code)}; ending all")
                return _exit_code(code)
            time.sleep(POLL_SECONDS)
        return 128 + self._signal

    def _wait_for_all(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(each.poll() is None for each in self._started.values()):
            time.sleep(POLL_SECONDS)

    def _end(self, number: int) -> None:
        """Passes a signal on, waits, and kills what is left, descendants in groups of their own too."""
        below = [child for process in self._started.values() for child in _descendants(process.pid)]
        self._send(number)
        self._wait_for_all()
        self._send(signal.SIGKILL)
        for child in below:
            with contextlib.suppress(psutil.Error):  # psutil tells a process from a later one of the same number
                child.kill()
        for process in self._started.values():
            process.wait()
        for reader in self._readers:
            reader.join(GRACE_SECONDS)

    def _send(self, number: int) -> None:
        for process in self._started.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)


def _descendants(number: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(number).children(recursive=True)
    return []


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _horovodrun() -> str | None:
    beside = Path(sys.executable).with_name("horovodrun")
    return str(beside) if beside.is_file() else shutil.which("horovodrun")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: a whole number from 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
