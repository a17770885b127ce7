"""What charts of named rows have in common: names at the left, a legend above, one axis below."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import TEXT, chart, panels, plain_axes, shortened, swatch_height, swatches

_WIDTH, _BELOW = 8.5, 0.65


def rows_chart(
    names: Sequence[str],
    legend: Mapping[str, str],
    draw: Callable[[Any], None],
    *,
    x_label: str,
    row: float,
    grid: str = "x",
    alternative: str,
) -> str:
    """Draws a chart of which each row has a name.

    Args:
        names: Of the rows 0, 1, 2 and so on, from top to bottom.
        legend: The colour of each series by name.
        draw: Draws the series on the axes; a row is 1 high there.
        x_label: What the horizontal axis shows.
        row: The height of a row in inches.
        grid: The axis of which there are lines, or "both".
        alternative: The chart in words.
    """
    top = swatch_height(list(legend), _WIDTH)

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=_name_width(names), bottom=_BELOW, top=top)
        plain_axes(axes, x_label=x_label, grid=grid)
        draw(axes)
        _name_rows(axes, names)
        swatches(figure, list(legend), list(legend.values()))

    return chart(paint, inches=(_WIDTH, top + _BELOW + row * len(names)), alternative=alternative)


def _name_width(names: Sequence[str]) -> float:
    """Returns the inches that names need at the left."""
    return 0.25 + 0.09 * max(len(shortened(name)) for name in names)


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    """Names the rows 0, 1, 2 and so on of a chart from top to bottom."""
    axes.set_yticks(range(len(names)), [shortened(name) for name in names], color=TEXT)
    axes.set_ylim(len(names) - 0.5, -0.5)
