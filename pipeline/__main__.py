"""The command line: Hydra in, exit code out. It imports no TensorFlow; stages do when they run, and a server does."""

import logging
import os
import sys
import time
import uuid

import hydra
from omegaconf import DictConfig

from pipeline.folders import CONF, require_configurations

INTERRUPTED = 130
WRONG_INPUT = 2


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def app(config: DictConfig) -> None:
    """Runs one job; Hydra calls it once, or once for each job of a sweep."""
    from pipeline.job import run_job

    run_job(config)


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a stage failed, 2 wrong input, 130 interrupted."""
    if sys.argv[1:2] == ["store"]:
        from pipeline.store_command import main as store_main

        sys.exit(store_main(sys.argv[2:]))
    if sys.argv[1:2] == ["compare"]:
        from pipeline.compare_command import main as compare_main

        sys.exit(compare_main(sys.argv[2:]))
    _serve()
    traces = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us, and leave as one line
    os.environ.setdefault("PIPELINE_RUN_ID", f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{uuid.uuid4().hex[:4]}")
    try:
        require_configurations()
        keeps_store = _join()
        _know_sweeps()
        app()
        if keeps_store:
            _leave()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on from the last completed epoch\n")
        sys.exit(INTERRUPTED)
    except Exception as error:
        from pipeline.failures import explain

        if traces:
            raise
        line, code = explain(error)
        if line:
            sys.stderr.write(f"error: {line}\n")
        sys.exit(code)


def _know_sweeps() -> None:
    from pipeline.sweeping.plugins import register

    register()


def _serve() -> None:
    """Does a server's part and exits, where `TF_CONFIG` makes this process one; the chief goes on, and runs it all."""
    from pipeline.distribution import cluster

    try:
        own = cluster.current()
        if own is None or own.leads:
            return
        logging.basicConfig(format="%(message)s", level=logging.INFO)
        cluster.serve(own)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(WRONG_INPUT)
    sys.exit(0)


def _join() -> bool:
    """Makes this process one of a launch: one run, one output folder, the cores shared out among the ranks.

    Returns:
        Whether rank 0 must wait for the others at the end.
    """
    from pipeline.engine.launch import enter, find_place
    from pipeline.engine.ranks import current

    if own := find_place(os.environ):
        enter(own, os.environ)
    ranks = current()
    if not ranks.several:
        return False
    cores = max(1, len(os.sched_getaffinity(0)) // int(os.environ["HOROVOD_LOCAL_SIZE"]))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores))
    if ranks.leads:
        ranks.tell("run", os.environ["PIPELINE_RUN_ID"])
    else:
        os.environ["PIPELINE_RUN_ID"] = ranks.hear("run")
        # Beside another override: Hydra's parser takes them in one piece only, and -m may stand on either side of it.
        overrides = (place for place, each in enumerate(sys.argv) if "=" in each and not each.startswith("-"))
        place = next(overrides, len(sys.argv))
        sys.argv[place:place] = ["hydra.output_subdir=null", f"hydra.job.name=frugal.rank{ranks.number}"]
    return own is not None


def _leave() -> None:
    from pipeline.engine.ranks import current

    current().leave()


if __name__ == "__main__":
    main()
