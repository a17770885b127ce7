"""Learning-rate schedules: functions of the step alone, so that a resumed run follows the same curve.

What they are set by are shares of the learning rate and of the steps, so that a schedule means the same on a data set
of another size. Each begins at step 0; the rate that it ends at is reached after its last step, and kept.
"""

import math
from collections.abc import Callable
from typing import Any

from pipeline.keras import keras
from pipeline.optimizers.joined import JoinedSchedules, Schedule

_stock = keras.optimizers.schedules


def build_schedule(
    name: str,
    learning_rate: float,
    steps: int,
    *,
    warm_up: float = 0.0,
    warm_up_start: float = 0.0,
    **settings: Any,
) -> Schedule:
    """Returns what a Keras optimizer takes as its learning rate.

    Args:
        name: One of SCHEDULES.
        learning_rate: The rate that shares of it refer to, above 0.
        steps: How many steps the training takes.
        warm_up: The share of the steps over which the rate first rises, step by step in equal parts, to the one that
            the schedule begins with (arXiv:1706.02677); the schedule spans the others.
        warm_up_start: The rate before the first step, as a share of the one that the schedule begins with.
        settings: The schedule's own, as the function of that name here has them.

    Returns:
        The learning rate itself where it never changes, or a schedule.

    Raises:
        ValueError: Naming the setting, its value, and what is accepted.
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule {name!r} is unknown; accepted: {', '.join(SCHEDULES)}")
    _check("learning_rate", learning_rate, 0 < learning_rate < math.inf, "a number above 0")
    _check("steps", steps, steps >= 1, "1 or more")
    _check("warm_up", warm_up, 0 <= warm_up < 1, "0 up to, not including, 1")
    _check("warm_up_start", warm_up_start, 0 <= warm_up_start <= 1, "0 to 1")
    rising = round(warm_up * steps)
    schedule = SCHEDULES[name](learning_rate, max(1, steps - rising), **settings)
    if not rising:
        return schedule
    first = float(schedule(0)) if callable(schedule) else schedule
    # The step before the first is the one at the rate of the start.
    begin = first * (warm_up_start + (1 - warm_up_start) / rising)
    rise = _stock.PolynomialDecay(begin, max(1, rising - 1), first, power=1.0)
    return JoinedSchedules([rise, schedule], [rising])


def rates(schedule: Schedule, steps: int, points: int) -> list[tuple[int, float]]:
    """Returns (step, learning rate) at up to `points` evenly spaced of the steps 0 to `steps - 1`, for a plot.

    Raises:
        ValueError: If there are no steps, or fewer than 2 points.
    """
    _check("steps", steps, steps >= 1, "1 or more")
    _check("points", points, points >= 2, "2 or more")
    chosen = sorted({round(point * (steps - 1) / (points - 1)) for point in range(points)})
    return [(step, float(schedule(step)) if callable(schedule) else schedule) for step in chosen]


def constant(learning_rate: float, steps: int) -> Schedule:
    """Returns the learning rate itself; `steps` is not used."""
    del steps
    return learning_rate


def step(learning_rate: float, steps: int, *, factor: float, every: float) -> Schedule:
    """Returns a schedule that multiplies the rate by `factor` after each share `every` of the steps."""
    _check("factor", factor, 0 < factor <= 1, "above 0, up to 1")
    _check("every", every, 0.01 <= every <= 1, "0.01 to 1")
    drops = range(1, math.ceil(1 / every) + 1)
    lowered = {max(1, round(drop * every * steps)): learning_rate * factor**drop for drop in drops}
    lowered = {begin: rate for begin, rate in lowered.items() if begin < steps}
    if not lowered:
        return learning_rate
    # Keras counts a boundary to the piece before it.
    return _stock.PiecewiseConstantDecay([begin - 1 for begin in lowered], [learning_rate, *lowered.values()])


def exponential(learning_rate: float, steps: int, *, final: float) -> Schedule:
    """Returns a schedule that falls by the same ratio with each step, to the share `final` of the rate."""
    _check("final", final, 0 < final <= 1, "above 0, up to 1")
    return _kept(_stock.ExponentialDecay(learning_rate, steps, final), learning_rate * final, steps)


def cosine(learning_rate: float, steps: int, *, final: float = 0.0) -> Schedule:
    """Returns a schedule that falls along half a cosine to the share `final` of the rate (arXiv:1608.03983)."""
    _check("final", final, 0 <= final <= 1, "0 to 1")
    return _stock.CosineDecay(learning_rate, steps, alpha=final)


def cosine_restarts(learning_rate: float, steps: int, *, cycles: int, lengthen: float, decay: float) -> Schedule:
    """Returns a schedule that falls along half a cosine to 0 several times over (SGDR, arXiv:1608.03983).

    Args:
        learning_rate: Where the first cycle begins.
        steps: Of all cycles together.
        cycles: How often the rate falls, 1 to 100.
        lengthen: How many times longer each cycle is than the one before it, 1 to 10.
        decay: The rate at which each cycle begins, as a share of that of the one before it, above 0, up to 1.

    Raises:
        ValueError: If a setting is out of its range.
    """
    _check("cycles", cycles, 1 <= cycles <= 100, "1 to 100")
    _check("lengthen", lengthen, 1 <= lengthen <= 10, "1 to 10")
    _check("decay", decay, 0 < decay <= 1, "above 0, up to 1")
    shortest = steps / math.fsum(lengthen**cycle for cycle in range(cycles))
    return _kept(_stock.CosineDecayRestarts(learning_rate, shortest, t_mul=lengthen, m_mul=decay), 0.0, steps)


def polynomial(learning_rate: float, steps: int, *, power: float, final: float) -> Schedule:
    """Returns a schedule that falls to the share `final` of the rate along (1 - step / steps)^power; 1 is a line."""
    _check("power", power, 0 < power < math.inf, "a number above 0")
    _check("final", final, 0 <= final <= 1, "0 to 1")
    return _stock.PolynomialDecay(learning_rate, steps, learning_rate * final, power=power)


def one_cycle(learning_rate: float, steps: int, *, start: float, rise: float, final: float) -> Schedule:
    """Returns a schedule that rises along a line and then falls along half a cosine (arXiv:1708.07120).

    The momentum, which the paper moves the other way, stays as it is.

    Args:
        learning_rate: The highest rate.
        steps: Of both parts together.
        start: The rate at step 0, as a share of the highest, above 0, up to 1.
        rise: The share of the steps over which the rate rises, above 0, below 1.
        final: The rate at the end, as a share of the highest, 0 to 1.

    Raises:
        ValueError: If a setting is out of its range.
    """
    _check("start", start, 0 < start <= 1, "above 0, up to 1")
    _check("rise", rise, 0 < rise < 1, "above 0, below 1")
    _check("final", final, 0 <= final <= 1, "0 to 1")
    rising = round(rise * steps)
    fall = _stock.CosineDecay(learning_rate, max(1, steps - rising), alpha=final)
    if not rising:
        return fall
    return JoinedSchedules(
        [_stock.PolynomialDecay(learning_rate * start, rising, learning_rate, power=1.0), fall], [rising]
    )


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    each.__name__: each for each in (constant, step, exponential, cosine, cosine_restarts, polynomial, one_cycle)
}


def _kept(schedule: Schedule, final: float, steps: int) -> Schedule:
    # Some of Keras's schedules go on falling, or start again, beyond their steps.
    return JoinedSchedules([schedule, final], [steps])


def _check(setting: str, value: float, accepted: bool, range_accepted: str) -> None:
    if not accepted:
        raise ValueError(f"{setting} {value}; accepted: {range_accepted}")
