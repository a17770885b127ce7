"""The process of one job of a sweep: takes the job from its standard input, and ends with whoever started it."""

import os
import pickle
import signal
import sys
import threading
from typing import BinaryIO


def main() -> int:
    """Runs the job and returns its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    given: BinaryIO = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    context, config, overrides, number = pickle.load(given)
    threading.Thread(target=_end_with, args=(given.fileno(),), daemon=True).start()

    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.utils import JobStatus, run_job, setup_globals
    from omegaconf import open_dict

    from pipeline.failures import ReportedError
    from pipeline.job import run_job as task

    version.setbase("1.3")
    setup_globals()
    GlobalHydra.instance().initialize(Hydra(config.hydra.job.name, context.config_loader))
    job = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(job):
        job.hydra.job.id = job.hydra.job.num = number
    done = run_job(
        task_function=task,
        config=job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=context,
    )
    if done.status == JobStatus.COMPLETED:
        return 0
    error = done._return_value
    return error.exit_code if isinstance(error, ReportedError) else 1


def _end_with(starter: int) -> None:
    """Ends this process and its children once the other end of the pipe is gone: the sweep was killed."""
    os.read(starter, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
