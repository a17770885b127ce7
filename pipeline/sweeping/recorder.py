"""Hydra calls this around each job, whichever launcher runs it: so each job of a sweep leaves a record."""

import time
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.engine.ranks import current
from pipeline.failures import ReportedError, explain
from pipeline.sweeping import record
from pipeline.sweeping.record import Record


class Recorder(Callback):
    """Writes the record of a sweep's job when it begins and when it has ended."""

    def __init__(self) -> None:
        self._began = 0.0

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Says that the job runs."""
        del kwargs
        self._began = time.monotonic()
        self._write(config)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Says what the job came to."""
        del kwargs
        seconds = time.monotonic() - self._began
        if job_return.status == JobStatus.COMPLETED:
            self._write(config, status="done", seconds=seconds)
            return
        error = job_return._return_value  # the property would write to the terminal and raise it
        cause, code = (error.cause, error.exit_code) if isinstance(error, ReportedError) else explain(error)
        self._write(config, status="failed", exit_code=code, cause=cause, seconds=seconds)

    def _write(self, config: DictConfig, **facts: Any) -> None:
        if config.hydra.mode == RunMode.MULTIRUN and current().leads:
            hydra = config.hydra
            made = Record(int(hydra.job.num), list(hydra.overrides.task), str(hydra.runtime.output_dir), **facts)
            record.write(Path(hydra.runtime.cwd) / hydra.sweep.dir, made)  # the job may be elsewhere
