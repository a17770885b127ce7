"""What each class gained or lost against the model before."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import MUTED, SERIES
from pipeline.reporting.charts.rows import rows_chart


def class_change_chart(classes: Sequence[str], changes: Mapping[str, Sequence[float]], *, alternative: str) -> str:
    """Draws a row for each class with a dot for each model.

    Args:
        classes: Their names.
        changes: For each of up to eight models by name, the change of each class in percentage points.
        alternative: The chart in words.
    """
    offset = 0.5 / len(changes)

    def draw(axes: Any) -> None:
        for place, points in enumerate(changes.values()):
            rows = [index + (place - (len(changes) - 1) / 2) * offset for index in range(len(classes))]
            axes.hlines(rows, 0, points, color=SERIES[place], linewidth=2)
            axes.scatter(points, rows, color=SERIES[place], s=28, zorder=3)
        axes.axvline(0, color=MUTED, linewidth=1)

    return rows_chart(
        classes,
        dict(zip(changes, SERIES, strict=False)),
        draw,
        x_label="change of the share that is right, percentage points",
        row=max(0.3, 0.13 * len(changes)),
        grid="both",
        alternative=alternative,
    )
