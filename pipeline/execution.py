"""One job from its composed configuration: checked, planned, carried out; for Hydra and for notebooks."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from pipeline.distribution.cluster import Cluster
from pipeline.distribution.cluster import current as current_cluster
from pipeline.engine import ledger
from pipeline.engine.errors import ConfigError
from pipeline.engine.follow import follow
from pipeline.engine.graph import ordered
from pipeline.engine.plan import Step, make_plan
from pipeline.engine.ranks import Ranks, require_one_plan
from pipeline.engine.run import Outcome, Runner, deliver
from pipeline.engine.settings import Settings, checked, read_settings, read_stages
from pipeline.engine.stage import Stage
from pipeline.engine.store import Store
from pipeline.folders import CONF
from pipeline.reporting.flatten import flatten
from pipeline.stages.debug import DebugSettings, debugged, debugged_search
from pipeline.stages.registry import KINDS
from pipeline.tracking.tracker import Tracked, Value
from pipeline.watching import Watching, read_watching, watched

if TYPE_CHECKING:
    from pipeline.budget.settings import Search

log = logging.getLogger(__name__)

LOCAL = ("store", "dry_run", "tracking", "profile")
"""Settings of this machine and moment, which a repetition elsewhere does not need."""


@dataclass(frozen=True)
class Job:
    """What one job does and where.

    Attributes:
        config: Composed, without Hydra's own part.
        folder: For the ledger, logs and what stages deliver.
        command: Repeats it.
        run: Its name in the store's manifests, with the moment.
        ranks: This process's place among those of its launch.
        sweep: Names the sweep that it is a job of, if it is one of several.
    """

    config: DictConfig
    folder: Path
    command: str
    run: str
    ranks: Ranks = field(default_factory=Ranks)
    sweep: str = ""


@dataclass(frozen=True)
class Execution:
    """What came of a job.

    Attributes:
        outcome: Of its stages; None after a dry run, and on ranks other than 0.
        said: What a person is to be told at the end: verdict and report, or the plan of a dry run.
        table: The ledger, to be shown before that; None where there is none, or one too long to read.
        exit_code: What the process should exit with if no stage failed.
    """

    outcome: Outcome | None
    said: str = ""
    table: Table | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class Checked:
    """A configuration that is in order.

    Attributes:
        settings: Typed.
        stages: Typed, in the order in which they run.
        watching: How the run is followed.
        search: What a budget search is to find; None for a run.
        plain: All of it as plain data, with what `debug` makes of the stages, without what is of this machine.
    """

    settings: Settings
    stages: dict[str, Stage]
    watching: Watching
    search: "Search | None"
    plain: dict[str, Any]


def execute(job: Job) -> Execution:
    """Checks, plans and runs a job; writes `ledger.json` and what stages deliver to its folder.

    Raises:
        PipelineError: For a wrong configuration, before anything is run. Stages that fail are in the outcome.
        OmegaConfBaseException: If the configuration can't be resolved.
    """
    found = read_config(job.config)
    settings, stages, plain = found.settings, found.stages, found.plain
    if smaller := {key: value for key, value in settings.debug.items() if value}:
        log.warning("debug: stages are made smaller (%s); figures mean nothing", smaller)
    _refuse_idle(job.ranks, current_cluster(), stages)
    facts = {"command": job.command, "config": OmegaConf.to_yaml(plain), "run": job.run}
    if found.search is not None:
        from pipeline.budget.job import search

        return search(job, found.search, settings, facts, found.watching, tracked(job, plain))
    store = Store(settings.store.folder)
    with store.in_use():
        plan = make_plan(stages, store, verify_all=settings.store.verify == "all", facts=facts)
        require_one_plan(job.ranks, {step.name: step.key for step in plan if step.stage.together})
        if settings.dry_run:
            return Execution(None, plan_in_words(plan) if job.ranks.leads else "")
        if not job.ranks.leads:
            follow(plan, store, job.ranks, job.folder, facts)
            return Execution(None)
        job.folder.mkdir(parents=True, exist_ok=True)
        with watched(found.watching, plan, tracked(job, plain), job.folder, settings.cost) as observers:
            outcome = Runner(store, job.folder, facts, job.ranks, observers).run(plan)
            deliver(plan, outcome, job.folder)
            observers.end("failed" if outcome.failures else "finished")
    price, currency = settings.cost.per_core_hour, settings.cost.currency
    ledger.write(outcome.entries, price, currency, job.folder / "ledger.json")
    return Execution(outcome, _verdicts(outcome, job.folder), ledger.table(outcome.entries, price, currency))


def plan_in_words(plan: Sequence[Step]) -> str:
    """Returns a line for each stage: what will happen and why."""
    width = max(len(step.name) for step in plan)
    return "\n".join(
        f"{number:>3}  {step.name:<{width}}  {step.stage.kind:<10} {step.key}  {step.action:<8} {step.why}"
        for number, step in enumerate(plan, start=1)
    )


def report_place(folder: Path, name: str) -> str:
    """Returns the line that says where a report is."""
    return f"report: {folder / name / 'report.html'}"


def _verdicts(outcome: Outcome, folder: Path) -> str:
    return "\n\n".join(
        f"{(artifact.files / 'verdict.txt').read_text().strip()}\n{report_place(folder, name)}"
        for name, artifact in outcome.artifacts.items()
        if artifact.manifest["kind"] == "report"
    )


def read_config(config: DictConfig) -> Checked:
    """Checks a composed configuration.

    Raises:
        ConfigError: Naming the key at fault, its value, and what is accepted.
    """
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True, throw_on_missing=True))
    settings = read_settings(plain)
    if not settings.stages:
        raise ConfigError("stages", "nothing to run; choose an experiment", accepted=_experiments())
    stages = ordered(read_stages(settings.stages, KINDS))
    debug = checked(DebugSettings, settings.debug, "debug")
    if debug.on:  # only now, so that a mistake is told of what the user wrote
        plain["stages"] = debugged(plain["stages"], debug)
        if plain.get("budget") is not None:
            plain["budget"] = debugged_search(plain["budget"], debug)
        settings = read_settings(plain)
        stages = ordered(read_stages(settings.stages, KINDS))
    watching = read_watching(settings.tracking, settings.profile, stages)
    search = None
    if settings.budget is not None:
        from pipeline.budget.settings import read_budget

        search = read_budget(settings)
    shared = {key: value for key, value in plain.items() if key not in LOCAL}
    return Checked(settings, stages, watching, search, shared)


def repetition(overrides: Sequence[str], folders: Sequence[str] = (), launcher: Sequence[str] = ()) -> str:
    """Returns the command line that repeats a run, elsewhere too.

    Args:
        overrides: What it was asked for with.
        folders: The user's own configuration folder, if any.
        launcher: What starts it, if it is several processes.
    """
    flags = [part for folder in folders for part in ("--config-dir", folder)]
    local = tuple(f"{key}{mark}" for key in LOCAL for mark in ".=")
    kept = [each for each in overrides if not each.startswith(local)]
    return shlex.join([*launcher, "python", "-m", "pipeline", *flags, *kept])


def tracked(job: Job, plain: Mapping[str, Any]) -> Tracked:
    """Returns what a tracker is told of a job."""
    moment = job.run.removeprefix(f"{plain['name']}/")
    return Tracked(
        name=str(plain["name"]),
        moment=f"{moment}/{job.ranks.job}" if job.sweep else moment,
        command=job.command,
        settings={
            key: value if isinstance(value, Value) else json.dumps(value) for key, value in flatten(plain).items()
        },
        sweep=job.sweep,
    )


def _experiments() -> list[str]:
    from hydra.core.global_hydra import GlobalHydra

    if not GlobalHydra.instance().is_initialized():
        return [f"+experiment={path.stem}" for path in sorted((CONF / "experiment").glob("*.yaml"))]
    loader = GlobalHydra.instance().config_loader()
    return [f"+experiment={name}" for name in loader.get_group_options("experiment")]


def _refuse_idle(ranks: Ranks, cluster: Cluster | None, stages: dict[str, Stage]) -> None:
    """Refuses processes that no stage has work for."""
    if ranks.several and not any(stage.together for stage in stages.values()):
        raise ConfigError(
            "distribution",
            f"{ranks.size} processes were started for it",
            value="single",
            accepted=["horovod_elastic" if ranks.elastic else "horovod"],
        )
    if cluster is not None and not any(stage.served for stage in stages.values()):
        raise ConfigError(
            "distribution",
            "TF_CONFIG is set, and no stage uses its cluster",
            value="single",
            accepted=["parameter_server", "pipeline_parallel"],
        )
