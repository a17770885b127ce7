"""Maintenance of the store: what is in it, is it intact, and what can go."""

import shutil
import time
from calendar import timegm
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.artifact import Artifact, DamagedError
from pipeline.engine.errors import PipelineError
from pipeline.engine.store import Store

SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class Verified:
    """The outcome of a check of the whole store: how many artifacts are intact, and what is wrong with the others."""

    intact: int
    damaged: dict[str, str]


@dataclass(frozen=True)
class Pruned:
    """What was removed: keys of artifacts, and the bytes that came free with them and with other left-overs."""

    keys: list[str]
    freed_bytes: int


def verify_store(store: Store) -> Verified:
    """Checks every file of every artifact; sets damaged ones aside, so that the next run rebuilds them."""
    intact, damaged = 0, {}
    for folder in sorted(store.artifacts.iterdir()):
        try:
            store.open(folder.name)
            intact += 1
        except DamagedError as error:
            damaged[folder.name] = str(error)
            store.set_aside(folder.name)
    return Verified(intact, damaged)


def prune_store(store: Store, *, max_bytes: int | None = None, max_age_days: float | None = None) -> Pruned:
    """Removes artifacts, oldest first, until the store is small and young enough; unfinished and damaged ones go too.

    Args:
        store: The store.
        max_bytes: How large the remaining artifacts may be together.
        max_age_days: How old a remaining artifact may be.

    Raises:
        PipelineError: If a run uses the store.
    """
    with store.maintenance() as alone:
        if not alone:
            raise PipelineError(f"{store.root}: a run is using the store; try again when it has ended")
        freed = sum(_remove(folder) for part in (store.work, store.damaged) for folder in part.iterdir())
        artifacts = list(store.all())
        left = sum(artifact.size for artifact in artifacts)
        gone = []
        for artifact in artifacts:
            too_old = max_age_days is not None and age_days(artifact) > max_age_days
            too_large = max_bytes is not None and left > max_bytes
            if too_old or too_large:
                left -= artifact.size
                freed += _remove(artifact.folder)
                gone.append(artifact.key)
        for lock in store.locks.glob("*.lock"):
            if lock.stem != "store" and not (store.artifacts / lock.stem).exists():
                lock.unlink()
        return Pruned(gone, freed)


def age_days(artifact: Artifact) -> float:
    """Returns how many days ago an artifact was built."""
    created = timegm(time.strptime(artifact.manifest["created"], "%Y-%m-%dT%H:%M:%SZ"))
    return (time.time() - created) / SECONDS_PER_DAY


def _remove(folder: Path) -> int:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    # Renamed first: a process killed half-way must not leave a half-removed artifact under its key.
    doomed = folder.with_name(f"{folder.name}.removed")
    folder.rename(doomed)
    shutil.rmtree(doomed)
    return size
