"""Trade-offs of many models as one picture: accuracy against bytes and against time."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.reporting.charts.base import ACCENT, LINE, MUTED

_INCHES = (10.0, 4.0)


@dataclass(frozen=True)
class Mark:
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


def trade_off(marks: Sequence[Mark], size_kb: float | None = None, latency_ms: float | None = None) -> str:
    """Draws models as points, those that no other beats in colour, and bounds as lines; the same bytes each time.

    Returns:
        An SVG document.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    panels = [("deflated KiB", "size_kb", size_kb), ("p50 latency, ms", "latency_ms", latency_ms)]
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own style would change the bytes
        matplotlib.rc("svg", fonttype="none", hashsalt="frugal")
        matplotlib.rc("font", size=11)
        figure = Figure(figsize=_INCHES, layout="tight")
        for place, (label, name, bound) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, 2, place)
            for best, color, size in ((False, MUTED, 18), (True, ACCENT, 36)):
                shown = [each for each in marks if each.best == best]
                values = [getattr(each, name) for each in shown]
                axes.scatter(values, [each.quality for each in shown], s=size, color=color, alpha=0.9 if best else 0.4)
            for each in marks:
                if each.chosen:
                    axes.scatter([getattr(each, name)], [each.quality], s=160, facecolors="none", edgecolors=ACCENT)
            if bound is not None:
                axes.axvline(bound, color=ACCENT, linewidth=1, linestyle="--")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(label, color=MUTED)
            axes.set_ylabel("accuracy, %" if place == 1 else "", color=MUTED)
            axes.grid(color=LINE)
            axes.set_axisbelow(True)
            axes.tick_params(which="both", length=0, labelcolor=MUTED)
            axes.spines[["left", "right", "top"]].set_visible(False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
