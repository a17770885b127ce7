"""The study behind a sweep, on disk: what was tried and what it came to; a stopped one goes on."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipeline.engine.errors import ConfigError

REPEATS = "repeats"
"""The attribute of a trial that repeats one which was stopped: its number."""

Direction = Literal["minimize", "maximize"]
Kind = Literal["tpe", "nsga2", "random"]

Judge = Callable[[int], Sequence[float] | None]
"""Returns what the job of a trial came to; None if it is not done."""


def sampler(kind: Kind, *, seed: int, startup_trials: int, population_size: int, at_once: int) -> BaseSampler:
    """Returns what proposes values.

    Args:
        kind: Which.
        seed: Of its draws.
        startup_trials: For tpe: drawn at random first.
        population_size: For nsga2: of one generation.
        at_once: How many are proposed before any of them has ended.
    """
    if kind == "tpe":
        return TPESampler(seed=seed, n_startup_trials=startup_trials, constant_liar=at_once > 1)
    if kind == "nsga2":
        return NSGAIISampler(seed=seed, population_size=population_size)
    return RandomSampler(seed=seed)


def open_study(storage: str, name: str, directions: Sequence[Direction]) -> optuna.Study:
    """Opens a study, or begins it.

    Raises:
        ConfigError: If the storage can't be opened, or has a study of that name with other objectives.
    """
    try:
        study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
    except Exception as error:  # whatever the database's driver raises
        raise ConfigError("hydra.sweeper.storage", f"can't be opened ({error})", value=storage) from error
    if (found := [each.name.lower() for each in study.directions]) != list(directions):
        raise ConfigError(
            "hydra.sweeper.study_name",
            f"that study seeks to {', '.join(found)}, and the objectives are to {', '.join(directions)}",
            value=name,
            accepted=["the objectives that it was begun with", "another name"],
        )
    return study


def take_up(study: optuna.Study, judge: Judge) -> None:
    """Settles trials that were running when the sweep was stopped: what is done counts, the rest will be repeated."""
    again = repeated(study)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if (values := judge(trial.number)) is not None:
            study.tell(trial.number, values)
            continue
        if trial.number not in again:  # else the sweep was killed between these two lines
            study.enqueue_trial(trial.params, user_attrs={REPEATS: trial.number})
        study.tell(trial.number, state=TrialState.FAIL)


def repeated(study: optuna.Study) -> set[int]:
    """Returns the numbers of trials that were stopped, and which others repeat."""
    trials = study.get_trials(deepcopy=False)
    return {trial.user_attrs[REPEATS] for trial in trials if REPEATS in trial.user_attrs}


def settled(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials whose jobs have ended by themselves, well or not."""
    stopped = repeated(study)
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
    return [trial for trial in ended if trial.number not in stopped]


def ask(study: optuna.Study, space: dict[str, Any], count: int) -> list[optuna.Trial]:
    """Proposes trials.

    Raises:
        ConfigError: If the study was begun with another search space.
    """
    try:
        return [study.ask(space) for _ in range(count)]
    except ValueError as error:
        raise ConfigError(
            "hydra.sweeper.study_name",
            f"that study has another search space ({error})",
            value=study.study_name,
            accepted=["the one that it was begun with", "another name"],
        ) from error
