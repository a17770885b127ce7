"""The folder of a sweep, which one process works in at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker

from pipeline.engine.errors import PipelineError


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Keeps other sweeps out of a folder, inside a `with` block.

    Raises:
        PipelineError: If another process is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with portalocker.Lock(folder / ".lock", timeout=0):
            yield
    except portalocker.LockException as error:
        raise PipelineError(f"hydra.sweep.dir={folder}: another sweep is at work there") from error
