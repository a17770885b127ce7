"""TensorFlow's profiler: a trace that TensorBoard and Perfetto open, and the operations that took longest in it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.keras import tf

PICO = 1e-9
"""Milliseconds in a picosecond."""


@dataclass(frozen=True)
class OwnTime:
    """What one operation took, without those inside it.

    Attributes:
        name: Its own and its type's, `cnn/conv_1/Conv2D:Conv2D`.
        count: How often it ran.
        milliseconds: In all, on the threads that started it.
        share: Of the time of all operations.
    """

    name: str
    count: int
    milliseconds: float
    share: float


def start(folder: Path) -> None:
    """Starts the profiler of this process.

    Args:
        folder: Where `stop` writes the trace; it is made when it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tf.profiler.experimental.start(str(folder))


def stop() -> None:
    """Stops the profiler and writes the trace, `plugins/profile/<time>/<host>.xplane.pb`."""
    tf.profiler.experimental.stop()


def slowest(folder: Path) -> list[OwnTime]:
    """Returns the operations that the newest trace's time on the CPU went to, longest first.

    Args:
        folder: As given to `start`.

    Raises:
        FileNotFoundError: If there is no trace in it.
    """
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    files = sorted(folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise FileNotFoundError(f"{folder}: no trace of TensorFlow's profiler")
    times: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for plane in XSpace.FromString(files[-1].read_bytes()).planes:
        if plane.name != "/host:CPU":
            continue
        for line in plane.lines:
            for event, own in own_times(line.events):
                known = plane.event_metadata[event.metadata_id]
                if known.display_name:  # the runtime's own, such as waiting for operations, have none
                    times[known.name] += own * PICO
                    counts[known.name] += 1
    whole = sum(times.values()) or 1.0
    found = [OwnTime(name, counts[name], spent, spent / whole) for name, spent in times.items()]
    return sorted(found, key=lambda each: -each.milliseconds)


def own_times(events: Iterable[Any]) -> list[tuple[Any, int]]:
    """Returns each event of one thread with its duration less that of the events inside it.

    Args:
        events: With `offset_ps` and `duration_ps`; each lies within another or beside it.
    """
    own: list[list[Any]] = []
    within: list[list[Any]] = []
    for event in sorted(events, key=lambda each: (each.offset_ps, -each.duration_ps)):
        while within and event.offset_ps >= within[-1][0].offset_ps + within[-1][0].duration_ps:
            within.pop()
        if within:
            within[-1][1] -= event.duration_ps
        within.append([event, event.duration_ps])
        own.append(within[-1])
    return [(event, time) for event, time in own]
