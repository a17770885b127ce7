"""A line over numbers: a learning-rate schedule, or the loss by the learning rate."""

from collections.abc import Sequence
from typing import Any

from pipeline.reporting.charts.base import ACCENT, chart, panels, plain_axes

_INCHES = (10.0, 3.2)


def line_chart(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, alternative: str, log_x: bool = False
) -> str:
    """Draws a line.

    Args:
        x: Rising numbers; above 0 if `log_x`.
        y: As many numbers; the axis begins at 0 unless some are lower.
        x_label: What the horizontal axis shows.
        y_label: What the vertical axis shows.
        alternative: The chart in words.
        log_x: Whether the horizontal axis is logarithmic.
    """

    def paint(figure: Any) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

        (axes,) = panels(figure, left=1.05, bottom=0.65)
        axes.plot(x, y, color=ACCENT, linewidth=2, solid_capstyle="round")
        axes.margins(x=0)
        if min(y) >= 0:
            axes.set_ylim(0, 1.05 * max(y) or 1)
        if log_x:
            decades = max(x) >= 100 * min(x)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0)))
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=all(float(each).is_integer() for each in x)))
        plain_axes(axes, x_label=x_label, y_label=y_label)

    return chart(paint, inches=_INCHES, alternative=alternative)
