"""How much each setting of a sweep matters, by Optuna's evaluators."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.reporting.sweep.document import Sweep, SweepJob

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST_JOBS = 8
JOBS_PER_SETTING = 4
"""With fewer jobs the forest behind the figures explains noise."""


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of a figure among jobs, or why there are none.

    Attributes:
        shares: By setting, largest first; together 1.
        missing: Why they are left out; empty if they are not.
    """

    shares: dict[str, float] = field(default_factory=dict)
    missing: str = ""


def importance(sweep: Sweep) -> Importance:
    """Fits a random forest to the first objective and splits its variance among the settings (fANOVA).

    Hutter, Hoos, Leyton-Brown: An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014. Few jobs give
    no sound figures, one setting explains all, and a figure that never changes has no variance: then it says so.
    """
    jobs, settings = sweep.judged, list(sweep.settings)
    needed = max(LEAST_JOBS, JOBS_PER_SETTING * len(settings))
    if len(settings) < 2:
        return Importance(missing="one setting was swept, so there is nothing to compare it with")
    if len(jobs) < needed:
        few = f"{len(jobs)} jobs with figures are too few for {len(settings)} settings; it takes {needed}"
        return Importance(missing=few)
    key, more = sweep.objectives[0]
    values = [job.figures[key] for job in jobs]
    if min(values) == max(values):
        return Importance(missing="all jobs have the same figure")
    import optuna

    spaces = {name: _space(jobs, name) for name in settings}
    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if more else "minimize")
    optuna.logging.set_verbosity(said)
    for job, value in zip(jobs, values, strict=True):
        chosen = {name: _value(job.settings[name], spaces[name]) for name in settings}
        study.add_trial(optuna.trial.create_trial(params=chosen, distributions=spaces, value=value))
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    return Importance({name: float(share) for name, share in found.items()})


def _space(jobs: Sequence[SweepJob], name: str) -> "BaseDistribution":
    import optuna

    texts = [job.settings[name] for job in jobs]
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return optuna.distributions.CategoricalDistribution(sorted(set(texts)))
    return optuna.distributions.FloatDistribution(min(numbers), max(numbers))


def _value(text: str, space: "BaseDistribution") -> float | str:
    import optuna

    return text if isinstance(space, optuna.distributions.CategoricalDistribution) else float(text)
