"""The graph of a run's stages: what each was made from, what it took, and what was reused."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.reporting.charts.base import ACCENT, MUTED, NEUTRAL, PAGE, TEXT, chart, shortened

_WIDTH, _HEIGHT = 1.65, 0.62
_GAP_X, _GAP_Y = 0.5, 0.2


class Box(NamedTuple):
    """A stage: `depth` is its column, `sources` name what it was made from, `words` stand under its name."""

    name: str
    depth: int
    sources: Sequence[str]
    words: str
    reused: bool


def stages_chart(boxes: Sequence[Box], *, alternative: str) -> str:
    """Draws each stage as a box, right of those it was made from; a reused one has a dashed outline.

    Args:
        boxes: One or more, each after its sources.
        alternative: The chart in words.
    """
    rows = _rows(boxes)
    columns = 1 + max(box.depth for box in boxes)
    wide = columns * (_WIDTH + _GAP_X) - _GAP_X
    tall = (1 + max(rows.values())) * (_HEIGHT + _GAP_Y) - _GAP_Y

    def paint(figure: Any) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(-0.05, wide + 0.05)
        axes.set_ylim(tall + 0.05, -0.05)
        corners = {box.name: (box.depth * (_WIDTH + _GAP_X), rows[box.name] * (_HEIGHT + _GAP_Y)) for box in boxes}
        for box in boxes:
            for source in box.sources:
                if source in corners:
                    _join(axes, corners[source], corners[box.name])
        for box in boxes:
            _draw(axes, corners[box.name], box)

    return chart(paint, inches=(wide + 0.1, tall + 0.1), alternative=alternative)


def _rows(boxes: Sequence[Box]) -> dict[str, float]:
    """Places each box of a column near the mean of its sources, in their order, a row or more apart."""
    found: dict[str, float] = {}
    for depth in range(1 + max(box.depth for box in boxes)):
        column = [box for box in boxes if box.depth == depth]
        wanted = {box.name: _mean([found[each] for each in box.sources if each in found]) for box in column}
        lowest = 0.0
        for box in sorted(column, key=lambda box: wanted[box.name]):
            found[box.name] = max(lowest, wanted[box.name])
            lowest = found[box.name] + 1
    return found


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _join(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = (start[0] + _WIDTH, start[1] + _HEIGHT / 2), (end[0], end[1] + _HEIGHT / 2)
    bend = x1 - _GAP_X / 2  # an edge that passes columns runs level as far as it can
    points = [(x0, y0), (max(x0, x1 - _GAP_X), y0), (bend, y0), (bend, y1), (x1, y1)]
    codes = [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    axes.add_patch(PathPatch(Path(points, codes), fill=False, edgecolor=NEUTRAL, linewidth=1.1))


def _draw(axes: Any, corner: tuple[float, float], box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = {"edgecolor": MUTED, "linestyle": (0, (4, 3))} if box.reused else {"edgecolor": ACCENT}
    shape = FancyBboxPatch(
        corner, _WIDTH, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.06", facecolor=PAGE, linewidth=1.4, **style
    )
    axes.add_patch(shape)
    x, y = corner[0] + 0.1, corner[1] + _HEIGHT / 2
    axes.text(x, y - 0.03, shortened(box.name), va="bottom", color=TEXT, fontsize=10)
    axes.text(x, y + 0.05, box.words, va="top", color=MUTED, fontsize=9)
