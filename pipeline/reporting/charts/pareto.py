"""Jobs of a sweep by two figures, and their Pareto set."""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.reporting.charts.base import ACCENT, MUTED, PAGE, chart, log_x, panels, plain_axes

_INCHES = (6.4, 3.8)
_AREA = 50


def pareto_chart(
    points: Mapping[int, tuple[float, float]], front: Collection[int], *, x_label: str, y_label: str, alternative: str
) -> str:
    """Draws jobs by two figures, of which less of the first and more of the second is better.

    Args:
        points: The two figures of each job, by its number; the horizontal axis is logarithmic if they are a factor of
            10 apart.
        front: The numbers of those in the Pareto set of the two: drawn full, numbered and joined by steps. The others
            are rings.
        x_label: What the horizontal axis shows.
        y_label: What the vertical axis shows.
        alternative: The chart in words.
    """
    best = sorted(points[number] for number in front)
    others = [place for number, place in points.items() if number not in front]

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=0.85, bottom=0.65, right=0.3)
        lowest, highest = min(x for x, _ in points.values()), max(x for x, _ in points.values())
        if 0 < 10 * lowest <= highest:
            log_x(axes, lowest, highest)
        axes.margins(0.08, 0.14)
        axes.plot(*zip(*best, strict=True), color=ACCENT, linewidth=1.2, drawstyle="steps-post")
        for places, inside, edge in ((others, PAGE, MUTED), (best, ACCENT, ACCENT)):
            x, y = [place[0] for place in places], [place[1] for place in places]
            axes.scatter(x, y, s=_AREA, facecolors=inside, edgecolors=edge, linewidths=1.5, zorder=3)
        for place, names in _names(points, front).items():
            axes.annotate(names, place, xytext=(7, 6), textcoords="offset points", color=ACCENT)
        plain_axes(axes, x_label=x_label, y_label=y_label, grid="both")

    return chart(paint, inches=_INCHES, alternative=alternative)


def _names(points: Mapping[int, tuple[float, float]], front: Collection[int]) -> dict[tuple[float, float], str]:
    """Returns the numbers of the front's jobs at each place: equal jobs lie on each other."""
    places: dict[tuple[float, float], list[int]] = {}
    for number in sorted(front):
        places.setdefault(points[number], []).append(number)
    return {place: ", ".join(map(str, numbers)) for place, numbers in places.items()}
