"""A confusion matrix: which class each class is taken for."""

import math
from collections.abc import Sequence
from typing import Any

from pipeline.reporting.charts.base import ACCENT, PAGE, TEXT, WORSE, chart, panels, plain_axes, shortened

_NUMBERED = 15
"""Up to so many classes, cells have their numbers."""

_NAMED = 40
"""Up to so many classes, rows and columns have their names."""

# Between these opacities neither the text's nor the page's colour can be read upon a cell.
_PALE, _STRONG = 0.45, 0.88


def confusion_chart(counts: Sequence[Sequence[int]], classes: Sequence[str], *, alternative: str) -> str:
    """Draws a cell for every pair that occurred, the darker the larger its share of the true class.

    Args:
        counts: Examples by true class (row) and predicted class (column).
        classes: Their names.
        alternative: The chart in words.
    """
    size = len(classes)
    shown = [shortened(name, 12) for name in classes] if size <= _NAMED else []
    margin = 0.55 + 0.08 * max(map(len, shown), default=0)
    side = margin + min(6.5, max(2.6, 0.42 * size))

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=margin, bottom=margin, right=0.05)
        for true, row in enumerate(counts):
            for predicted, count in enumerate(row):
                if count:
                    _cell(axes, true, predicted, count, count / sum(row), numbered=size <= _NUMBERED)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_aspect("equal")
        plain_axes(axes, x_label="predicted", y_label="true")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if shown:
            turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(size), shown, **(turned if max(map(len, shown)) > 2 else {}))
            axes.set_yticks(range(size), shown)

    return chart(paint, inches=(side, side), alternative=alternative)


def _cell(axes: Any, true: int, predicted: int, count: int, share: float, *, numbered: bool) -> None:
    from matplotlib.patches import Rectangle

    right = true == predicted
    level = share if right else math.sqrt(share)  # else one error in a hundred would be white
    strong = level > 0.5
    opacity = _STRONG + (1 - _STRONG) * (2 * level - 1) if strong else 0.08 + (_PALE - 0.08) * 2 * level
    corner, color = (predicted - 0.48, true - 0.48), ACCENT if right else WORSE
    axes.add_patch(Rectangle(corner, 0.96, 0.96, color=color, alpha=round(opacity, 2), linewidth=0))
    if numbered:
        color = PAGE if strong else TEXT
        axes.text(predicted, true, f"{count:,}", ha="center", va="center", color=color, fontsize=10)
