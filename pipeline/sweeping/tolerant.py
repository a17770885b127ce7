"""Any launcher, made to go on: what a job came to is read from its record, not from what it raised."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from pipeline.engine.errors import PipelineError
from pipeline.failures import explain
from pipeline.sweeping.threads import share, side_by_side

log = logging.getLogger(__name__)


class Tolerant(Launcher):
    """A launcher that returns nothing, and so nothing that Hydra's sweeper would raise.

    Args:
        launcher: Set up.
        settings: Its configuration.
    """

    def __init__(self, launcher: Launcher, settings: Mapping[str, Any]) -> None:
        self._launcher = launcher
        self._settings = settings

    def setup(self, **kwargs: Any) -> None:
        """Does nothing: the launcher is set up."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs a batch of jobs, with the cores shared out among those that run side by side on this machine.

        Raises:
            PipelineError: If the launcher refuses to begin.
        """
        if self._settings.get("_target_") != "hydra_plugins.frugal.Processes":  # which does so itself
            share(side_by_side(self._settings, len(job_overrides)), os.environ)
        try:
            self._launcher.launch(job_overrides, initial_job_idx)
        except PipelineError:
            raise
        except Exception as error:  # a worker that was killed, say: joblib and submitit raise then, each in its own way
            log.error("error: %s", explain(error)[0])
        return []
