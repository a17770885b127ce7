"""The store: artifacts by key, published whole or not at all, shared by processes."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import portalocker

from pipeline.engine.artifact import (
    FILES,
    LOG,
    Artifact,
    DamagedError,
    content_digest,
    file_entries,
    read_artifact,
    verify,
    write_manifest,
)
from pipeline.engine.errors import ConfigError

LOCK_POLL_SECONDS = 0.1
EXCLUSIVE = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
SHARED = portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING


class Store:
    """A folder of artifacts.

    Layout: `artifacts/<key>/` what is published; `work/<key>/` what is being made, with the checkpoints that survive
    a killed process; `locks/` one lock a key and one for the whole store; `damaged/` what failed its checksum.

    Args:
        root: The folder; it is made when it does not exist.

    Raises:
        ConfigError: If it can't be made or written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            for folder in (self.artifacts, self.work, self.locks, self.damaged):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError("store.path", f"not a usable folder ({error.strerror})", value=str(root)) from error
        if not os.access(self.work, os.W_OK):
            raise ConfigError("store.path", "the folder can't be written to", value=str(root))

    @property
    def artifacts(self) -> Path:
        """Where published artifacts are."""
        return self.root / "artifacts"

    @property
    def work(self) -> Path:
        """Where artifacts are made, and checkpoints kept."""
        return self.root / "work"

    @property
    def locks(self) -> Path:
        """Where the locks are."""
        return self.root / "locks"

    @property
    def damaged(self) -> Path:
        """Where artifacts go that failed a check."""
        return self.root / "damaged"

    def find(self, key: str) -> Artifact | None:
        """Returns a published artifact, unverified, or None.

        Raises:
            DamagedError: If its manifest can't be trusted.
        """
        try:
            return read_artifact(self.artifacts / key)
        except FileNotFoundError as error:
            if (self.artifacts / key).is_dir():
                raise DamagedError("manifest.json is missing") from error
            return None

    def open(self, key: str) -> Artifact | None:
        """Returns a published artifact whose every file has been checked, or None.

        Raises:
            DamagedError: If a file is missing, added or different.
        """
        artifact = self.find(key)
        if artifact is not None:
            verify(artifact)
        return artifact

    def all(self) -> Iterator[Artifact]:
        """Yields every artifact whose manifest can be read, oldest first."""
        found = []
        for folder in self.artifacts.iterdir():
            try:
                found.append(read_artifact(folder))
            except (DamagedError, FileNotFoundError):
                continue
        yield from sorted(found, key=lambda artifact: str(artifact.manifest["created"]))

    def set_aside(self, key: str) -> Path:
        """Moves a damaged artifact out of the way and returns where it went."""
        target = self.damaged / f"{key}-{time.strftime('%Y%m%dT%H%M%S')}-{time.monotonic_ns() % 10**6:06d}"
        (self.artifacts / key).rename(target)
        return target

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Holds the store against maintenance that removes artifacts, for as long as a run reads it."""
        with self._lock("store", SHARED, lambda: None):
            yield

    @contextmanager
    def maintenance(self) -> Iterator[bool]:
        """Holds the store alone; gives False if a run uses it."""
        lock = portalocker.Lock(self.locks / "store.lock", flags=EXCLUSIVE, timeout=0, fail_when_locked=True)
        try:
            lock.acquire()
        except portalocker.LockException:
            yield False
            return
        with lock:
            yield True

    @contextmanager
    def building(self, key: str, on_wait: Callable[[], None]) -> Iterator["Build"]:
        """Holds the right to build one key; other processes that want it wait.

        Args:
            key: The artifact's key.
            on_wait: Called once if another process holds it.
        """
        with self._lock(key, EXCLUSIVE, on_wait):
            yield Build(self, key)

    @contextmanager
    def _lock(self, name: str, flags: portalocker.LockFlags, on_wait: Callable[[], None]) -> Iterator[None]:
        with ExitStack() as stack:
            lock = portalocker.Lock(self.locks / f"{name}.lock", flags=flags, timeout=0, fail_when_locked=True)
            waited = False
            while True:
                try:
                    stack.enter_context(lock)
                    break
                except portalocker.LockException:
                    if not waited:
                        on_wait()
                    waited = True
                    time.sleep(LOCK_POLL_SECONDS)
            yield


class Build:
    """An artifact in the making; only the holder of its lock has one.

    Attributes:
        state: The folder that survives a killed process.
        output: The folder that becomes the artifact's files.
    """

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key
        self.folder = store.work / key
        self.state = self.folder / "state"
        self._staged = self.folder / "artifact"
        self.output = self._staged / FILES

    def start(self) -> None:
        """Makes the folders; output of an earlier, unfinished attempt is dropped, its state is kept."""
        shutil.rmtree(self._staged, ignore_errors=True)
        self.output.mkdir(parents=True)
        self.state.mkdir(exist_ok=True)

    def publish(self, manifest: dict[str, Any], extra: Path) -> Artifact:
        """Checksums the output, writes its manifest, and renames it into the store.

        Args:
            manifest: What to record beside the checksums.
            extra: The stage's log, copied in.

        Returns:
            The published artifact.
        """
        if extra.is_file():
            shutil.copyfile(extra, self._staged / LOG)
        entries = file_entries(self._staged)
        body = {**manifest, "key": self.key, "files": entries, "digest": content_digest(entries)}
        write_manifest(self._staged, body)
        for path in [*self._staged.rglob("*"), self._staged]:
            _sync(path)
        target = self.store.artifacts / self.key
        self._staged.rename(target)
        _sync(target.parent)
        self.clear()
        return read_artifact(target)

    def clear(self) -> None:
        """Removes what was left of the making."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
