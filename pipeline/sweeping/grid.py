"""A sweep over every combination of the values given: Hydra's own, to the end, with a page."""

from typing import Any

from pipeline.engine.ranks import current
from pipeline.failures import ReportedError
from pipeline.sweeping import record
from pipeline.sweeping.figures import check_view
from pipeline.sweeping.folder import occupied, pin
from pipeline.sweeping.summary import View, conclude
from pipeline.sweeping.threads import side_by_side
from pipeline.sweeping.tolerant import Tolerant


def sweep(sweeper: Any, arguments: list[str]) -> None:
    """Runs all jobs, those after a failed one too, and writes what they came to.

    Args:
        sweeper: With `basic`, which is Hydra's own, set up.
        arguments: The overrides to sweep over.

    Raises:
        ReportedError: With the worst exit code, if jobs failed.
        ConfigError: Before any job runs.
    """
    basic, config = sweeper.basic, sweeper.config
    check_view(sweeper.model, sweeper.objectives, config)
    folder = pin(config)
    if not current().leads:
        basic.sweep(arguments)
        return
    basic.launcher = Tolerant(basic.launcher, config.hydra.launcher)
    with occupied(folder):
        for path in (folder / record.FOLDER).glob("*"):
            path.unlink()
        try:
            basic.sweep(arguments)
        finally:  # an interrupted sweep has a page on what is done
            jobs = [job for batch in basic.overrides or [] for job in batch]
            together = side_by_side(config.hydra.launcher, min(basic.max_batch_size or len(jobs), len(jobs)))
            code = conclude(View(folder, sweeper.model, sweeper.objectives, together), dict(enumerate(jobs)), config)
    if code:
        raise ReportedError(code)
