"""A sweep that Optuna steers: it proposes, any launcher runs, and the reports tell it what came of that."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import optuna
import pydantic
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.trial import TrialState

from pipeline.engine.errors import ConfigError
from pipeline.engine.ranks import current
from pipeline.engine.settings import checked
from pipeline.engine.stage import STRICT
from pipeline.failures import ReportedError
from pipeline.sweeping import record
from pipeline.sweeping.figures import NoFigureError, check_view, more_is_better, objective_values, read_figures
from pipeline.sweeping.folder import occupied, pin
from pipeline.sweeping.search_space import overrides_of, split
from pipeline.sweeping.study import Direction, Kind, ask, open_study, repeated, sampler, settled, take_up
from pipeline.sweeping.summary import View, conclude
from pipeline.sweeping.threads import at_a_time, side_by_side
from pipeline.sweeping.tolerant import Tolerant

log = logging.getLogger(__name__)
Positive = pydantic.PositiveInt


@pydantic.dataclasses.dataclass(config=STRICT, kw_only=True)
class Settings:
    """Those of `conf/hydra/sweeper/optuna.yaml`, which explains each."""

    sampler: Kind
    n_trials: Positive
    batch_size: Positive | None
    startup_trials: Positive
    population_size: int
    seed: int
    model: str | None
    objectives: list[str]
    search_space: dict[str, str]
    study_name: str
    storage: str


@dataclass(frozen=True)
class Search:
    """What is the same in all trials, and what is searched."""

    fixed: Sequence[str]
    space: Mapping[str, Any]


def sweep(sweeper: Any, arguments: list[str]) -> None:
    """Runs the trials that the study lacks.

    Args:
        sweeper: Set up.
        arguments: The overrides; those that are ranges, choices or intervals are searched.

    Raises:
        ReportedError: With the worst exit code, if jobs failed.
        ConfigError: Before any job runs.
    """
    plain: Any = OmegaConf.to_container(OmegaConf.create(dict(sweeper.settings)), resolve=True)
    settings: Settings = checked(Settings, plain, "hydra.sweeper")
    if current().size > 1:
        raise ConfigError("hydra/sweeper", "does not run on ranks", value="optuna", accepted=["grid"])
    check_view(settings.model, settings.objectives, sweeper.config)
    given = [*(f"{key}={value}" for key, value in settings.search_space.items()), *arguments]
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    search = Search(*split(parser.parse_overrides(given)))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    folder = pin(sweeper.config)
    with occupied(folder):
        OmegaConf.save(sweeper.config, folder / "multirun.yaml")
        code = _run(sweeper, settings, search, folder)
    if code:
        raise ReportedError(code)


def _run(sweeper: Any, settings: Settings, search: Search, folder: Path) -> int:
    launcher = Tolerant(sweeper.launcher, sweeper.config.hydra.launcher)
    directions: list[Direction] = ["maximize" if more_is_better(each) else "minimize" for each in settings.objectives]
    study = open_study(settings.storage, settings.study_name, directions)

    def judge(number: int) -> Sequence[float] | None:
        return _judged(folder, settings, number)

    take_up(study, judge)
    if ended := len(settled(study)):
        log.info("going on with %s: %d of %d trials have ended", settings.storage, ended, settings.n_trials)
    at_once = settings.batch_size or at_a_time(sweeper.config.hydra.launcher)
    # Another seed after each stop: the same one would propose the same first values again.
    study.sampler = sampler(
        settings.sampler,
        seed=settings.seed + len(study.trials),
        startup_trials=settings.startup_trials,
        population_size=settings.population_size,
        at_once=at_once,
    )
    try:
        while (missing := settings.n_trials - len(settled(study))) > 0:
            trials = ask(study, dict(search.space), min(at_once, missing))
            jobs = [(trial.number, [*search.fixed, *overrides_of(trial.params)]) for trial in trials]
            sweeper.validate_batch_is_legal([overrides for _, overrides in jobs])
            # A repeated trial has got its number earlier than those that are proposed beside it.
            for _, run in groupby(enumerate(jobs), key=lambda each: each[1][0] - each[0]):
                batch = [job for _, job in run]
                for number, _ in batch:
                    record.forget(folder, number)
                launcher.launch([overrides for _, overrides in batch], batch[0][0])
            for trial in trials:
                values = judge(trial.number)
                study.tell(trial, values, state=TrialState.FAIL if values is None else None)
    finally:
        stopped = repeated(study)
        done = [trial for trial in study.get_trials(deepcopy=False) if trial.number not in stopped and trial.params]
        jobs_run = {trial.number: [*search.fixed, *overrides_of(trial.params)] for trial in done}
        together = side_by_side(sweeper.config.hydra.launcher, at_once)
        code = conclude(
            View(folder, settings.model, settings.objectives, together, needed=True), jobs_run, sweeper.config
        )
    return code


def _judged(folder: Path, settings: Settings, number: int) -> Sequence[float] | None:
    found = record.read(folder, number)
    if found is None or found.status != "done":
        return None
    try:
        return objective_values(read_figures(Path(found.folder), settings.model), settings.objectives)
    except NoFigureError as error:
        log.error("error: job %d: %s", number, error)
        return None
