"""What Hydra calls on its way to a job."""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from pipeline.engine.errors import PipelineError
from pipeline.execution import read_config
from pipeline.failures import explain


class CheckFirst(Callback):
    """Refuses a wrong configuration before Hydra makes the output folder, so that a mistake leaves nothing behind."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the configuration of a single run; the jobs of a sweep are checked one by one."""
        del kwargs
        job = config.copy()
        with open_dict(job):
            del job["hydra"]
        try:
            read_config(job)
        except (PipelineError, OmegaConfBaseException) as error:
            line, code = explain(error)
            sys.stderr.write(f"error: {line}\n")
            # Hydra turns other exceptions of a callback into warnings.
            raise SystemExit(code) from None
