"""One job of the command line: what Hydra composed is run, and a person is told what came of it."""

import logging
import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from pipeline.distribution.cluster import Cluster
from pipeline.distribution.cluster import current as current_cluster
from pipeline.engine.errors import PipelineError
from pipeline.engine.ranks import Ranks, current
from pipeline.execution import Job, execute, repetition
from pipeline.failures import ReportedError, explain

log = logging.getLogger(__name__)


def run_job(config: DictConfig) -> None:
    """Runs what the configuration describes.

    Raises:
        ReportedError: In a sweep, after the failure was shown, so that the other jobs go on.
        SystemExit: In a single run.
    """
    try:
        _run(config)
    except (PipelineError, OmegaConfBaseException, OSError) as error:
        line, code = explain(error)
        log.error("error: %s", line)
        _fail(code, line)


def _run(config: DictConfig) -> None:
    hydra = HydraConfig.get()
    ranks = current(hydra.job.num if hydra.mode == RunMode.MULTIRUN else 0)
    folder = Path(hydra.runtime.output_dir)
    command = repetition(hydra.overrides.task, _own_folders(hydra), _launcher(ranks, current_cluster()))
    moment = os.environ["PIPELINE_RUN_ID"]
    sweep = moment if hydra.mode == RunMode.MULTIRUN else ""
    done = execute(Job(config, folder, command, f"{config.name}/{moment}", ranks, sweep))
    shown = Console(highlight=False, soft_wrap=True)
    if done.table is not None:
        shown.print(done.table)
    if done.said:
        shown.print(f"\n{done.said}" if done.table else done.said, markup=False)
    if done.outcome is not None and (failures := done.outcome.failures):
        log.error("failed: %s; logs: %s", ", ".join(failure.stage for failure in failures), folder / "logs")
        _fail(max(failure.exit_code for failure in failures), "; ".join(map(str, failures)))
    if done.exit_code:
        _fail(done.exit_code, done.said)


def _own_folders(hydra: Any) -> list[str]:
    """Returns the user's own configuration folder (`--config-dir`), relative to here where that is possible."""
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.provider == "command-line"]
    here = Path.cwd()
    return [str(each.relative_to(here) if each.is_relative_to(here) else each) for each in folders]


def _launcher(ranks: Ranks, cluster: Cluster | None) -> list[str]:
    """Returns what starts as many processes on one machine as there are now."""
    if ranks.elastic:
        return ["horovodrun", "-np", str(ranks.size), "--min-np", "1", "--host-discovery-script", "./hosts.sh"]
    if ranks.size > 1:
        return ["horovodrun", "-np", str(ranks.size)]
    if cluster is None:
        return []
    counts = ["--workers", str(cluster.count("worker")), "--servers", str(cluster.count("ps"))]
    return ["python", "scripts/launch_local.py", *counts, "--"]


def _fail(code: int, cause: str) -> None:
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        raise ReportedError(code, cause)
    raise SystemExit(code)
