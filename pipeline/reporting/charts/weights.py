"""Histograms of the weights of some models."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.reporting.charts.base import ACCENT, NEUTRAL, chart, panels, plain_axes, shortened

_COLUMNS = 3
_PANEL = (3.4, 2.5)


class Histogram(NamedTuple):
    """Counts of numbers in bins of one width from `low` to `high`."""

    low: float
    high: float
    counts: Sequence[int]


def weights_chart(histograms: Mapping[str, Histogram], before: str, *, alternative: str) -> str:
    """Draws a panel for each model, all over the same values.

    Args:
        histograms: By model, one or more.
        before: The model that is drawn in another colour.
        alternative: The chart in words.
    """
    columns = min(_COLUMNS, len(histograms))
    rows = -(-len(histograms) // columns)

    def paint(figure: Any) -> None:
        grid = panels(figure, left=0.65, bottom=0.65, top=0.35, gap=(0.7, 1.0), count=(rows, columns), sharex=True)
        for axes, (name, found) in zip(grid, histograms.items(), strict=False):
            width = (found.high - found.low) / len(found.counts)
            edges = [found.low + width * place for place in range(len(found.counts) + 1)]
            axes.stairs(found.counts, edges, fill=True, color=NEUTRAL if name == before else ACCENT)
            plain_axes(axes, x_label="weight, other than 0")
            axes.xaxis.set_tick_params(labelbottom=True)
            axes.set_title(shortened(name, 30), loc="left")
        for axes in grid[len(histograms) :]:
            axes.set_visible(False)

    return chart(paint, inches=(_PANEL[0] * columns, _PANEL[1] * rows), alternative=alternative)
