"""What each class gained or lost against the model before."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import (
    MUTED,
    SERIES,
    chart,
    name_rows,
    name_width,
    panels,
    plain_axes,
    swatch_height,
    swatches,
)

_WIDTH = 8.5


def class_change_chart(classes: Sequence[str], changes: Mapping[str, Sequence[float]], *, alternative: str) -> str:
    """Draws a row for each class with a dot for each model.

    Args:
        classes: Their names.
        changes: For each of up to eight models by name, the change of each class in percentage points.
        alternative: The chart in words.
    """
    offset = 0.5 / len(changes)
    row = max(0.3, 0.13 * len(changes))
    top = swatch_height(list(changes), _WIDTH)

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=name_width(classes), bottom=0.65, top=top)
        plain_axes(axes, x_label="change of the share that is right, percentage points", grid="both")
        for place, points in enumerate(changes.values()):
            rows = [index + (place - (len(changes) - 1) / 2) * offset for index in range(len(classes))]
            axes.hlines(rows, 0, points, color=SERIES[place], linewidth=2)
            axes.scatter(points, rows, color=SERIES[place], s=28, zorder=3)
        axes.axvline(0, color=MUTED, linewidth=1)
        name_rows(axes, classes)
        swatches(figure, list(changes), SERIES[: len(changes)])

    height = top + 0.65 + row * len(classes)
    return chart(paint, inches=(_WIDTH, height), alternative=alternative)
