"""A sweep over every combination of the values given: Hydra's own, to the end, with a page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.engine.ranks import current
from pipeline.failures import ReportedError
from pipeline.sweeping import record
from pipeline.sweeping.folder import occupied
from pipeline.sweeping.summary import View, conclude
from pipeline.sweeping.tolerant import Tolerant


def sweep(sweeper: Any, run: Callable[[list[str]], Any], arguments: list[str]) -> Any:
    """Runs all jobs, those after a failed one too, and writes what they came to.

    Args:
        sweeper: Hydra's basic one, set up.
        run: Its own `sweep`.
        arguments: The overrides to sweep over.

    Raises:
        ReportedError: With the worst exit code, if jobs failed.
    """
    if not current().leads:
        return run(arguments)
    folder = Path(sweeper.config.hydra.sweep.dir)
    sweeper.launcher = Tolerant(sweeper.launcher, sweeper.config.hydra.launcher)
    with occupied(folder):
        for path in (folder / record.FOLDER).glob("*"):
            path.unlink()
        try:
            returned = run(arguments)
        finally:  # an interrupted sweep has a page on what is done
            jobs = [job for batch in sweeper.overrides or [] for job in batch]
            view = View(folder, sweeper.model, sweeper.objectives)
            code = conclude(view, dict(enumerate(jobs)), sweeper.config)
    if code:
        raise ReportedError(code)
    return returned
