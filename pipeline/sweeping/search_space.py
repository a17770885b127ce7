"""What Optuna searches, from Hydra's override grammar."""

from collections.abc import Sequence
from typing import cast

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pipeline.engine.errors import ConfigError

LOG = "log"
"""The tag for a logarithmic scale: `tag(log, interval(1e-4, 1e-1))`."""


def split(overrides: Sequence[Override]) -> tuple[list[str], dict[str, BaseDistribution]]:
    """Takes what is the same in all trials apart from what is searched.

    Returns:
        The overrides of all trials, and the values of the others by key.

    Raises:
        ConfigError: If nothing is searched, or a range is not one that Optuna has.
    """
    fixed, searched = [], {}
    for override in overrides:
        if override.is_sweep_override():
            try:
                searched[override.get_key_element()] = distribution(override)
            except ValueError as error:
                raise ConfigError(str(override.input_line), str(error)) from error
        else:
            fixed.append(str(override.input_line))
    if not searched:
        accepted = ["key=choice(a,b)", "key=range(1,5)", "key=interval(0.1,0.9)", "key=tag(log,interval(1e-4,1e-1))"]
        raise ConfigError("hydra/sweeper", "nothing to search", value="optuna", accepted=accepted)
    return fixed, searched


def distribution(override: Override) -> BaseDistribution:
    """Returns the values that an override stands for; a range ends before its stop, as everywhere in Hydra.

    Raises:
        ValueError: If Optuna has no such distribution.
    """
    if override.is_choice_sweep():
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    value = override.value()
    log = LOG in cast(RangeSweep | IntervalSweep, value).tags
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        if isinstance(value.start, int) and isinstance(value.end, int):
            return IntDistribution(value.start, value.end, log=log)
        return FloatDistribution(float(value.start), float(value.end), log=log)
    numbers = [float(cast(float, each)) for each in override.sweep_iterator()]
    if not numbers:
        raise ValueError("an empty range")
    low, high, step = min(numbers), max(numbers), abs(float(cast(RangeSweep, value).step))
    if all(each.is_integer() for each in (*numbers, step)):
        return IntDistribution(int(low), int(high), log=log, step=int(step))
    return FloatDistribution(low, high, log=log, step=None if log else step)


def overrides_of(params: dict[str, object]) -> list[str]:
    """Returns a trial's values as overrides."""
    return [f"{key}={value}" for key, value in params.items()]
