"""What a sweep knows of each of its jobs: one small file a job, written by the job itself wherever it runs."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

FOLDER = "jobs"


@dataclass(frozen=True)
class Record:
    """A job of a sweep.

    Attributes:
        number: From 0, within its sweep.
        overrides: What it was composed from.
        folder: Its output folder; empty if it ended before it had one.
        status: running, done or failed; one that is gone and still says running was killed.
        exit_code: What it would have exited with by itself.
        cause: Why it failed, in one line.
        seconds: How long it took.
    """

    number: int
    overrides: Sequence[str] = field(default_factory=list)
    folder: str = ""
    status: Literal["running", "done", "failed"] = "running"
    exit_code: int = 0
    cause: str = ""
    seconds: float = 0.0


def write(sweep: Path, record: Record) -> None:
    """Writes a record, whole or not at all."""
    path = _path(sweep, record.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(asdict(record), indent=1))
    part.replace(path)


def read(sweep: Path, number: int) -> Record | None:
    """Returns a job's record, or None if it never began."""
    path = _path(sweep, number)
    return Record(**json.loads(path.read_text())) if path.is_file() else None


def forget(sweep: Path, number: int) -> None:
    """Removes what is known of a job, before it runs anew."""
    _path(sweep, number).unlink(missing_ok=True)


def console_file(sweep: Path, number: int) -> Path:
    """Returns where what a job says is kept, if it is not shown."""
    return sweep / FOLDER / f"{number}.log"


def _path(sweep: Path, number: int) -> Path:
    return sweep / FOLDER / f"{number}.json"
