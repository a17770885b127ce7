"""A line chart as inline SVG that takes its colours from the page's style."""

import io
import re
from collections.abc import Sequence
from xml.etree import ElementTree

ACCENT, MUTED, LINE = "#0b5cad", "#535d69", "#d5dbe1"
"""What is drawn with; on the page the style's variables take their place, which follow a dark mode."""

_VARIABLES = {ACCENT: "var(--accent)", MUTED: "var(--muted)", LINE: "var(--line)"}
_INCHES = (10.0, 3.2)


def line_chart(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, alternative: str, log_x: bool = False
) -> str:
    """Draws a line, the same bytes for the same arguments.

    Args:
        x: Rising numbers; above 0 if `log_x`.
        y: As many numbers; the axis begins at 0 unless some are lower.
        x_label: What the horizontal axis shows.
        y_label: What the vertical axis shows.
        alternative: The chart in words, for who can't see it.
        log_x: Whether the horizontal axis is logarithmic.

    Returns:
        An `svg` element without identifiers, links or fonts of its own, its texts escaped.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own style would change the bytes
        matplotlib.rc("svg", fonttype="none", hashsalt="frugal")
        matplotlib.rc("text", parse_math=False)
        matplotlib.rc("font", size=12)
        figure = Figure(figsize=_INCHES, layout="tight")
        axes = figure.add_subplot()
        # Clipping would need an identifier, of which the page's other charts could have the same.
        axes.plot(x, y, color=ACCENT, linewidth=2, solid_capstyle="round", clip_on=False)
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
        for axis, label in ((axes.xaxis, x_label), (axes.yaxis, y_label)):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_label_text(label, color=MUTED)
        axes.tick_params(which="both", length=0, pad=7, labelcolor=MUTED)
        axes.grid(axis="y", color=LINE, clip_on=False)
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(MUTED)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _inline(text.getvalue(), alternative)


def _inline(document: str, alternative: str) -> str:
    """Makes an SVG document of matplotlib an element of a page."""
    root = ElementTree.fromstring(document)
    for child in list(root):
        if not child.tag.endswith("}g"):  # metadata and a style sheet, which would be the whole page's
            root.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("id", None)
        if style := element.get("style"):
            element.set("style", _page_style(style))
        if path := element.get("d"):
            element.set("d", " ".join(path.split()))
    root.attrib = {
        "class": "line-chart",
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": alternative,
    }
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _page_style(style: str) -> str:
    rules = "; ".join(rule for rule in style.split("; ") if not rule.startswith("font-family"))
    return re.sub("|".join(_VARIABLES), lambda found: _VARIABLES[found[0]], rules)
