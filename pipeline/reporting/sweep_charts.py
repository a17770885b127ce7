"""The charts of a sweep's page, as inline SVG that takes its colours from the page's style."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import ACCENT, LINE, MUTED, PAGE, chart

_DOT, _HOLE = 9.0, 5.0
"""Points across; a job outside the Pareto set is a ring."""


def pareto_chart(
    points: Mapping[int, tuple[float, float]],
    front: set[int],
    *,
    x_label: str,
    y_label: str,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    alternative: str,
    base: int = 10,
) -> str:
    """Draws jobs by two figures, of which less of the first and more of the second is better, and their Pareto set.

    Args:
        points: The two figures of each job, by its number.
        front: The numbers of those in the Pareto set of the two: drawn full, numbered and joined by steps.
        x_label: The first figure.
        y_label: The second.
        x_text: How the first is written.
        y_text: How the second is.
        alternative: The chart in words.
        base: What the first one's axis counts in: 2 for bytes. The axis is logarithmic where it spans a factor of 20.

    Returns:
        An `svg` element, the same for the same arguments.
    """

    def paint(figure: Any) -> None:
        from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator

        axes = _axes(figure)
        xs = [x for x, _ in points.values()]
        if min(xs) > 0 and max(xs) >= 20 * min(xs):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(base=base, subs=(1.0,) if base == 2 else (1.0, 2.0, 5.0)))
        else:
            unit = 1024 ** int(math.log(max(*xs, 1), 1024)) if base == 2 else 1
            ticks = MaxNLocator(5).tick_values(min(xs) / unit, max(xs) / unit)
            axes.xaxis.set_major_locator(FixedLocator([unit * tick for tick in ticks]))
        best = sorted(points[number] for number in front)
        axes.plot(*zip(*best, strict=True), color=ACCENT, linewidth=1.2, drawstyle="steps-post", clip_on=False)
        for number, (x, y) in sorted(points.items(), key=lambda each: each[0] in front):
            # A line of no length with round ends: markers would need identifiers, which the page's charts share.
            dot = {"solid_capstyle": "round", "clip_on": False, "zorder": 3}
            axes.plot([x, x], [y, y], color=ACCENT if number in front else MUTED, linewidth=_DOT, **dot)
            if number not in front:
                axes.plot([x, x], [y, y], color=PAGE, linewidth=_HOLE, **dot)
        for (x, y), numbers in _together(points, front).items():
            axes.annotate(
                numbers, (x, y), xytext=(7, 6), textcoords="offset points", color=ACCENT, fontsize=11, zorder=4
            )
        axes.margins(0.08, 0.14)
        for axis, label, text in ((axes.xaxis, x_label, x_text), (axes.yaxis, y_label, y_text)):
            _dress(axis, label, text)
        axes.grid(color=LINE, clip_on=False)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(MUTED)

    return chart(paint, inches=(7.5, 4.2), alternative=alternative)


def importance_chart(shares: Mapping[str, float], alternative: str) -> str:
    """Draws how much each setting matters, as bars from 0 to 1.

    Args:
        shares: By setting, largest first.
        alternative: The chart in words.

    Returns:
        An `svg` element, the same for the same arguments.
    """

    def paint(figure: Any) -> None:
        axes = _axes(figure)
        names = list(shares)[::-1]
        axes.barh(names, [shares[name] for name in names], color=ACCENT, height=0.55, clip_on=False)
        for place, name in enumerate(names):
            axes.text(shares[name] + 0.01, place, f"{100 * shares[name]:.0f} %", va="center", color=MUTED)
        axes.set_xlim(0, 1)
        axes.xaxis.set_visible(False)
        axes.tick_params(length=0, pad=7, labelcolor=MUTED)
        axes.spines[["left", "right", "top", "bottom"]].set_visible(False)

    return chart(paint, inches=(10.0, 0.9 + 0.42 * len(shares)), alternative=alternative)


def _axes(figure: Any) -> Any:
    figure.set_layout_engine("tight")
    return figure.add_subplot()


def _together(points: Mapping[int, tuple[float, float]], front: set[int]) -> dict[tuple[float, float], str]:
    """Returns the numbers of the front's jobs at each place: equal jobs lie on each other."""
    places: dict[tuple[float, float], list[int]] = {}
    for number in sorted(front):
        places.setdefault(points[number], []).append(number)
    return {place: ", ".join(map(str, numbers)) for place, numbers in places.items()}


def _dress(axis: Any, label: str, text: Callable[[float], str]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(label, color=MUTED)
    axis.set_tick_params(which="both", length=0, pad=7, labelcolor=MUTED)


def points_in_words(points: Mapping[int, tuple[str, str]], front: Sequence[int]) -> str:
    """Returns the Pareto set as the alternative of its chart."""
    return "; ".join(f"job {number}: {points[number][1]} at {points[number][0]}" for number in front)
