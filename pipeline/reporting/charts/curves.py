"""Training curves: how a loss and the metrics went from epoch to epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import SERIES, chart, plain_axes, swatches
from pipeline.reporting.charts.base import panels as grid

_HEIGHT = 3.2
_PANEL = 5.0


def curves_chart(
    x: Sequence[float], panels: Sequence[Mapping[str, Sequence[float]]], *, x_label: str, alternative: str
) -> str:
    """Draws panels of lines beside each other.

    Args:
        x: Rising numbers.
        panels: The lines of each panel by name, of as many numbers; the second and later panels of one name share its
            colour.
        x_label: What the horizontal axes show.
        alternative: The chart in words.
    """
    roles = list(dict.fromkeys(name.partition(" ")[0] for lines in panels for name in lines))
    colors = dict(zip(roles, SERIES, strict=False))

    def paint(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        places = grid(figure, left=0.75, bottom=0.65, top=0.75, gap=(0.8, 0), count=(1, len(panels)))
        for axes, lines in zip(places, panels, strict=True):
            for name, y in lines.items():
                role = name.partition(" ")[0]
                dashed = "--" if roles.index(role) == 0 and len(roles) > 1 else "-"
                axes.plot(x, y, color=colors[role], linewidth=2, linestyle=dashed)
            axes.margins(x=0.01)
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            title = " and ".join(dict.fromkeys(name.partition(" ")[2] or name for name in lines))
            plain_axes(axes, x_label=x_label)
            axes.set_title(title, loc="left")
        swatches(figure, [f"{role} (dashed)" if not place and roles[1:] else role for place, role in enumerate(roles)],
                 [colors[role] for role in roles])  # fmt: skip

    width = max(6.0, _PANEL * len(panels))
    return chart(paint, inches=(width, _HEIGHT), alternative=alternative)
