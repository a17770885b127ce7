"""Models by two figures, with a third as the area: quality, latency and size."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.reporting.charts.base import ACCENT, MUTED, NEUTRAL, TEXT, chart, log_x, panels, plain_axes, shortened

_LARGEST = 1400.0
_SMALLEST = 25.0
_ROW = 0.24


class Spot(NamedTuple):
    """A model: `words` say its third figure, `area` from 0 up draws it."""

    name: str
    x: float
    y: float
    area: float
    words: str
    is_before: bool


def scatter_chart(spots: Sequence[Spot], *, x_label: str, y_label: str, alternative: str) -> str:
    """Draws each model as a disc and names it beside the chart.

    Args:
        spots: The models, one or more; the horizontal axis is logarithmic if they are a factor of 10 apart.
        x_label: What the horizontal axis shows.
        y_label: What the vertical axis shows.
        alternative: The chart in words.
    """
    height = max(3.6, 0.8 + _ROW * len(spots))

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=0.95, right=3.6, bottom=0.65)
        lowest, highest = min(spot.x for spot in spots), max(spot.x for spot in spots)
        if 0 < 10 * lowest <= highest:
            log_x(axes, lowest, highest)
        else:
            axes.set_xlim(0, 1.12 * highest or 1)
        below, above = min(spot.y for spot in spots), max(spot.y for spot in spots)
        room = 0.25 * (above - below) or 0.05 * abs(above) or 1
        axes.set_ylim(below - room, above + room)
        plain_axes(axes, x_label=x_label, y_label=y_label, grid="both")
        largest = max(spot.area for spot in spots) or 1
        for spot in spots:
            color = NEUTRAL if spot.is_before else ACCENT
            size = max(_SMALLEST, _LARGEST * spot.area / largest)
            axes.scatter([spot.x], [spot.y], s=size, color=color, alpha=0.35, linewidths=0)
            axes.scatter([spot.x], [spot.y], s=9, color=color)
        _name(axes, sorted(spots, key=lambda spot: -spot.y), height)

    return chart(paint, inches=(10.0, height), alternative=alternative)


def _name(axes: Any, spots: Sequence[Spot], height: float) -> None:
    """Names the models right of the axes, from top to bottom, each with a thin line to its disc."""
    step = _ROW / (height - 0.75)
    wanted = [axes.transAxes.inverted().transform(axes.transData.transform((spot.x, spot.y)))[1] for spot in spots]
    places = _spread(wanted, step)
    for spot, place in zip(spots, places, strict=True):
        axes.annotate(
            f"{shortened(spot.name, 28)}, {spot.words}",
            (spot.x, spot.y),
            xytext=(1.04, place),
            textcoords="axes fraction",
            va="center",
            color=TEXT,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0},
        )


def _spread(wanted: Sequence[float], step: float) -> list[float]:
    """Returns falling places, near those wanted, that are a step or more apart and within 0 to 1."""
    places: list[float] = []
    for place in wanted:
        places.append(min(place, places[-1] - step if places else 1.0))
    floor = 0.0
    for index in reversed(range(len(places))):
        places[index] = max(places[index], floor)
        floor = places[index] + step
    return places
