"""What the report shows of a learning-rate schedule."""

from typing import Any

from pipeline.engine.stage import Exhibit

POINTS = 100
"""Steps at which the schedule is drawn, at most."""


def schedule_exhibit(rate: Any, steps: int) -> Exhibit | None:
    """Returns the learning rate by the step, to be drawn as a line; None where it never changes.

    Args:
        rate: A number or a Keras schedule, as `build_schedule` returns it.
        steps: How many steps the training takes.
    """
    from pipeline.optimizers.schedules import rates

    if not callable(rate):
        return None
    rows = [list(point) for point in rates(rate, steps, POINTS)]
    return Exhibit("learning rate", ["step", "learning rate"], rows, line="learning rate")
