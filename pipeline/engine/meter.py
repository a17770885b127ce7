"""What a piece of work costs: wall time, core time, memory and bytes, of this process and its children."""

import json
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.2
SAVE_SECONDS = 1.0


@dataclass(frozen=True)
class Cost:
    """A cost; costs of several attempts at one artifact add up.

    Attributes:
        wall_seconds: Time on the clock.
        core_seconds: User and system time of the process and of its children that have ended.
        peak_bytes: Largest resident memory of the process and its children together, sampled five times a second.
        bytes_read: Bytes that passed through read calls (libraries loaded count, memory-mapped files don't).
        bytes_written: Bytes that passed through write calls.
        attempts: How many processes worked on it.
    """

    wall_seconds: float = 0.0
    core_seconds: float = 0.0
    peak_bytes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    attempts: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.wall_seconds + other.wall_seconds,
            self.core_seconds + other.core_seconds,
            max(self.peak_bytes, other.peak_bytes),
            self.bytes_read + other.bytes_read,
            self.bytes_written + other.bytes_written,
            self.attempts + other.attempts,
        )


def side_by_side(costs: Sequence[Cost]) -> Cost:
    """Returns the cost of processes that worked at the same time: one clock, but all their cores and memory."""
    return Cost(
        max(cost.wall_seconds for cost in costs),
        sum(cost.core_seconds for cost in costs),
        sum(cost.peak_bytes for cost in costs),
        sum(cost.bytes_read for cost in costs),
        sum(cost.bytes_written for cost in costs),
        max(cost.attempts for cost in costs),
    )


class Meter:
    """Measures the work done inside a `with` block.

    Args:
        saved: A file that keeps the cost so far, so that the time of a killed process is not forgotten. What an
            earlier process left there is counted in.
    """

    def __init__(self, saved: Path | None = None) -> None:
        self._saved = saved
        self._stop = threading.Event()
        self._process = psutil.Process()
        self._earlier = _load(saved)
        self._peak = 0

    def __enter__(self) -> "Meter":
        self._wall, self._core, self._io = time.monotonic(), core_seconds(), _io_bytes(self._process)
        self._peak = _resident_bytes(self._process)  # the thread may not get a turn before a short block ends
        self._thread = threading.Thread(target=self._sample, name="meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._save()

    @property
    def cost(self) -> Cost:
        """The cost so far, earlier attempts included."""
        read, written = _io_bytes(self._process)
        now = Cost(
            time.monotonic() - self._wall,
            core_seconds() - self._core,
            self._peak,
            read - self._io[0],
            written - self._io[1],
            1,
        )
        return self._earlier + now

    def _sample(self) -> None:
        saved = time.monotonic()
        while True:
            self._peak = max(self._peak, _resident_bytes(self._process))
            if time.monotonic() - saved > SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
            if self._stop.wait(SAMPLE_SECONDS):
                return

    def _save(self) -> None:
        if self._saved is None or not self._saved.parent.is_dir():
            return
        part = self._saved.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.cost)))
        part.replace(self._saved)


def core_seconds() -> float:
    """Returns user plus system seconds of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _load(saved: Path | None) -> Cost:
    if saved is None or not saved.is_file():
        return Cost()
    return Cost(**json.loads(saved.read_text()))


def _resident_bytes(process: psutil.Process) -> int:
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.Error:  # it ended between the two calls
            continue
    return total


def _io_bytes(process: psutil.Process) -> tuple[int, int]:
    if not hasattr(process, "io_counters"):  # macOS has none
        return 0, 0
    counters = process.io_counters()
    return counters.read_chars, counters.write_chars
