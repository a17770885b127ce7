"""Trade-offs of many models as one picture: quality against bytes and against time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.reporting.charts.base import ACCENT, MUTED, chart, log_x, panels, plain_axes


class Mark(NamedTuple):
    """One model.

    Attributes:
        size_kb: Deflated KiB.
        latency_ms: Median time of one example.
        quality: Accuracy, or what stands for it, times 100.
        best: Whether no other model beats it in all three.
        chosen: Whether it is the one that was taken.
    """

    size_kb: float
    latency_ms: float
    quality: float
    best: bool
    chosen: bool


def trade_off_chart(
    marks: Sequence[Mark],
    *,
    quality: str,
    size_kb: float | None = None,
    latency_ms: float | None = None,
    alternative: str,
) -> str:
    """Draws models as points, those that no other beats in colour, the chosen one in a ring.

    Args:
        marks: The models.
        quality: What the vertical axes show.
        size_kb: A bound, drawn as a line.
        latency_ms: Another.
        alternative: The chart in words.
    """

    def paint(figure: Any) -> None:
        both = panels(figure, left=0.85, bottom=0.65, gap=(0.6, 0.0), count=(1, 2), sharey=True)
        _paint(both[0], [(mark.size_kb, mark) for mark in marks], size_kb)
        _paint(both[1], [(mark.latency_ms, mark) for mark in marks], latency_ms)
        plain_axes(both[0], x_label="deflated KiB", y_label=quality, grid="both")
        plain_axes(both[1], x_label="p50 latency, ms", grid="both")

    return chart(paint, inches=(10.0, 4.0), alternative=alternative)


def _paint(axes: Any, places: Sequence[tuple[float, Mark]], bound: float | None) -> None:
    for best, color, size in ((False, MUTED, 18), (True, ACCENT, 36)):
        shown = [(x, mark.quality) for x, mark in places if mark.best == best]
        axes.scatter([x for x, _ in shown], [y for _, y in shown], s=size, color=color, alpha=0.9 if best else 0.4)
    for x, mark in places:
        if mark.chosen:
            axes.scatter([x], [mark.quality], s=160, facecolors="none", edgecolors=ACCENT)
    if bound is not None:
        axes.axvline(bound, color=ACCENT, linewidth=1, linestyle="--")
    reach = [x for x, _ in places] + ([] if bound is None else [bound])
    log_x(axes, min(reach), max(reach))
