"""The folder of a sweep, which one process works in at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker
from omegaconf import DictConfig, open_dict, read_write

from pipeline.engine.errors import PipelineError


def pin(config: DictConfig) -> Path:
    """Gives all jobs one folder to be in; it is named after the experiment, which may be what is swept.

    Args:
        config: Of the sweep, from which launchers compose that of each job.

    Returns:
        The folder.
    """
    folder = Path(config.hydra.sweep.dir)
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    with read_write(config), open_dict(config):
        kept = [each for each in config.hydra.overrides.hydra if not each.startswith("hydra.sweep.dir=")]
        config.hydra.overrides.hydra = [*kept, f"hydra.sweep.dir='{quoted}'"]
    return folder


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
