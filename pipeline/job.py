"""One job: configuration in, artifacts, ledger and report out."""

import logging
import os
import shlex
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from pipeline.distribution.cluster import Cluster
from pipeline.distribution.cluster import current as current_cluster
from pipeline.engine import ledger
from pipeline.engine.errors import ConfigError, PipelineError
from pipeline.engine.follow import follow
from pipeline.engine.graph import ordered
from pipeline.engine.plan import Step, make_plan
from pipeline.engine.ranks import Ranks, current, require_one_plan
from pipeline.engine.run import Outcome, Runner
from pipeline.engine.settings import Settings, read_settings, read_stages
from pipeline.engine.stage import Stage
from pipeline.engine.store import Store
from pipeline.failures import ReportedError, explain
from pipeline.stages.registry import KINDS

LOCAL = ("store", "dry_run")
"""Settings of this machine and moment, which a repetition elsewhere does not need."""

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
        _fail(code)


def _run(config: DictConfig) -> None:
    settings, stages = read_config(config)
    hydra = HydraConfig.get()
    ranks = current(hydra.job.num if hydra.mode == RunMode.MULTIRUN else 0)
    if ranks.several and not any(stage.together for stage in stages.values()):
        raise ConfigError(
            "distribution",
            f"{ranks.size} processes were started for it",
            value="single",
            accepted=["horovod_elastic" if ranks.elastic else "horovod"],
        )
    cluster = current_cluster()
    if cluster is not None and not any(stage.served for stage in stages.values()):
        raise ConfigError(
            "distribution",
            "TF_CONFIG is set, and no stage uses its cluster",
            value="single",
            accepted=["parameter_server", "pipeline_parallel"],
        )
    store = Store(settings.store.folder)
    folder = Path(hydra.runtime.output_dir)
    facts = {
        "command": _command(list(hydra.overrides.task), _own_folders(hydra), _launcher(ranks, cluster)),
        "config": _yaml(config),
        "run": f"{settings.name}/{os.environ['PIPELINE_RUN_ID']}",
    }
    with store.in_use():
        plan = make_plan(stages, store, verify_all=settings.store.verify == "all", facts=facts)
        require_one_plan(ranks, {step.name: step.key for step in plan if step.stage.together})
        if settings.dry_run:
            if ranks.leads:
                _show_plan(plan)
        elif ranks.leads:
            outcome = Runner(store, folder, facts, ranks).run(plan)
            _finish(outcome, settings, folder)
        else:
            follow(plan, store, ranks, folder, facts)


def read_config(config: DictConfig) -> tuple[Settings, dict[str, Stage]]:
    """Checks a composed configuration and returns it typed, with its stages in the order in which they run.

    Raises:
        ConfigError: Naming the key at fault, its value, and what is accepted.
    """
    settings = read_settings(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))  # type: ignore[arg-type]
    if not settings.stages:
        raise ConfigError("stages", "nothing to run; choose an experiment", accepted=_experiments())
    return settings, ordered(read_stages(settings.stages, KINDS))


def _experiments() -> list[str]:
    from hydra.core.global_hydra import GlobalHydra

    loader = GlobalHydra.instance().config_loader()
    return [f"+experiment={name}" for name in loader.get_group_options("experiment")]


def _yaml(config: DictConfig) -> str:
    resolved = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    return OmegaConf.to_yaml({key: value for key, value in resolved.items() if key not in LOCAL})


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


def _command(overrides: list[str], own_folders: list[str], launcher: list[str]) -> str:
    flags = [part for folder in own_folders for part in ("--config-dir", folder)]
    kept = [each for each in overrides if not each.startswith(tuple(f"{key}{mark}" for key in LOCAL for mark in ".="))]
    return shlex.join([*launcher, "python", "-m", "pipeline", *flags, *kept])


def _show_plan(plan: list[Step]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(step.name) for step in plan)
    for number, step in enumerate(plan, start=1):
        line = f"{number:>3}  {step.name:<{width}}  {step.stage.kind:<10} {step.key}  {step.action:<8} {step.why}"
        console.print(line, markup=False)


def _finish(outcome: Outcome, settings: Settings, folder: Path) -> None:
    price, currency = settings.cost.per_core_hour, settings.cost.currency
    ledger.write(outcome.entries, price, currency, folder / "ledger.json")
    shown = Console(highlight=False, soft_wrap=True)
    shown.print(ledger.table(outcome.entries, price, currency))
    for name, artifact in outcome.artifacts.items():
        if artifact.manifest["kind"] == "report":
            shown.print(f"\n{(artifact.files / 'verdict.txt').read_text().strip()}", markup=False)
            shown.print(f"report: {folder / name / 'report.html'}", markup=False)
    if outcome.failures:
        names = ", ".join(failure.stage for failure in outcome.failures)
        log.error("failed: %s; logs: %s", names, folder / "logs")
        _fail(max(failure.exit_code for failure in outcome.failures))


def _fail(code: int) -> None:
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        raise ReportedError(code)
    raise SystemExit(code)
