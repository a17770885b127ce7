"""Content digests of source files, remembered for files that haven't changed since."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from pipeline.engine.artifact import canonical, digest_file

MOST_NAMED = 50
"""Sources named one by one in a key; more are folded into one digest, for a folder of images has thousands."""

SETTLED_NANOSECONDS = 2_000_000_000
"""Younger files may change again without a change of their time stamp, so their digests aren't remembered."""

TABLE = "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, state TEXT, digest TEXT)"


def source_digests(files: Mapping[str, Path], memory: Path) -> dict[str, str]:
    """Returns the content digest of each file, by its name; of very many files one digest for all.

    A file whose path, inode, size and time of change are those of an earlier call isn't read again.

    Args:
        files: The files by the names that count.
        memory: A SQLite file for what is known; processes may share it, and it may be lost at any time.

    Raises:
        OSError: If a file can't be read.
    """
    states = {name: (str(path.resolve()), _state(path.stat())) for name, path in files.items()}
    with contextlib.closing(_open(memory)) as known:
        digests = {name: found for name, state in states.items() if (found := _known(known, *state))}
        learnt = []
        for name in states.keys() - digests.keys():
            digests[name] = digest_file(files[name])
            if _settled(files[name], states[name][1]):
                learnt.append((*states[name], digests[name]))
        with known:
            known.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", learnt)
    digests = {name: digests[name] for name in files}
    if len(digests) <= MOST_NAMED:
        return digests
    return {f"{len(digests)} files": sha256(canonical(digests)).hexdigest()}


def _open(memory: Path) -> sqlite3.Connection:
    try:
        return _connected(memory)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # damaged: it holds nothing that can't be worked out again
        memory.unlink()
        return _connected(memory)


def _connected(memory: Path) -> sqlite3.Connection:
    # Writes are durable enough without waiting for the disk: what is lost is worked out again.
    connection = sqlite3.connect(memory, timeout=60)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(TABLE)
    return connection


def _known(known: sqlite3.Connection, path: str, state: str) -> str | None:
    row = known.execute("SELECT digest FROM digests WHERE path = ? AND state = ?", (path, state)).fetchone()
    return str(row[0]) if row else None


def _settled(path: Path, state: str) -> bool:
    """Returns whether a file that was read is what it was before, and old enough for its next change to show."""
    stat = path.stat()
    return _state(stat) == state and time.time_ns() - stat.st_mtime_ns > SETTLED_NANOSECONDS


def _state(stat: os.stat_result) -> str:
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
