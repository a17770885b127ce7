"""What all charts have in common: matplotlib draws them, and the page's style colours them."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

TEXT, MUTED, LINE, PAGE = "#1b2027", "#535d69", "#d5dbe1", "#fffffe"
ACCENT, NEUTRAL, WORSE = "#0b5cad", "#6f7985", "#9a3412"
SERIES = (ACCENT, "#b45309", "#11753a", "#a3308f", "#6246c9", "#0e7490", "#8a6d00", "#b3261e")
"""What is drawn with; on the page the style's variables take their place, which follow a dark mode."""

_VARIABLES = {
    TEXT: "var(--text)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAGE: "var(--page)",
    NEUTRAL: "var(--neutral)",
    WORSE: "var(--worse)",
    **{color: f"var(--series-{place})" for place, color in enumerate(SERIES)},
    ACCENT: "var(--accent)",
}
_REM = 16
_SMALLEST, _LARGEST = 0.9, 1.25  # of a chart's natural width; a narrower screen scrolls
_LABEL, _SWATCH = 20, 28


def chart(paint: Callable[[Any], None], *, inches: tuple[float, float], alternative: str) -> str:
    """Draws a figure, the same bytes for the same arguments.

    Args:
        paint: Draws on an empty matplotlib figure, with the colours above alone.
        inches: Its width and height, at a font of 11 points.
        alternative: The chart in words, for who can't see it.

    Returns:
        An `svg` element without identifiers, links or fonts of its own, its texts escaped.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's own style would change the bytes
        matplotlib.rc("svg", fonttype="none", hashsalt="frugal")
        matplotlib.rc("text", parse_math=False, color=TEXT)
        matplotlib.rc("font", size=11)
        matplotlib.rc("axes", edgecolor=MUTED, labelcolor=MUTED, titlesize=11, axisbelow=True)
        matplotlib.rc("legend", frameon=False, fontsize=11, labelcolor=TEXT)
        figure = Figure(figsize=inches)
        paint(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _inline(text.getvalue(), alternative)


def standalone(drawn: str) -> str:
    """Makes what `chart` returns a file of its own, in plain colours on a page of its own."""
    for color, variable in _VARIABLES.items():
        drawn = drawn.replace(variable, color)
    style = f'xmlns="http://www.w3.org/2000/svg" style="background: {PAGE}; font-family: sans-serif; '
    return drawn.replace('style="', style, 1) + "\n"


def panels(
    figure: Any,
    *,
    left: float,
    bottom: float,
    top: float = 0.1,
    right: float = 0.15,
    gap: tuple[float, float] = (0.0, 0.0),
    count: tuple[int, int] = (1, 1),
    **sharing: bool,
) -> list[Any]:
    """Returns pairs of axes, row by row, with margins and gaps in inches.

    They are given, because matplotlib's own layouts draw everything once more to find them.

    Args:
        figure: Theirs.
        left: Room for names and numbers at the left.
        bottom: Below.
        top: Above.
        right: At the right.
        gap: Between columns, and between rows.
        count: Rows and columns.
        sharing: `sharex` and the like, as matplotlib's `subplots` takes them.
    """
    (rows, columns), (width, height) = count, figure.get_size_inches()
    wide = (width - left - right - gap[0] * (columns - 1)) / columns
    tall = (height - top - bottom - gap[1] * (rows - 1)) / rows
    places = {
        "left": left / width,
        "right": 1 - right / width,
        "bottom": bottom / height,
        "top": 1 - top / height,
        "wspace": gap[0] / wide,
        "hspace": gap[1] / tall,
    }
    return list(figure.subplots(rows, columns, squeeze=False, gridspec_kw=places, **sharing).ravel())


def plain_axes(axes: Any, *, x_label: str = "", y_label: str = "", grid: str = "y") -> None:
    """Leaves of a pair of axes the line below, labels without ticks, and the grid of one axis or both."""
    from matplotlib.ticker import FuncFormatter

    for axis, label in ((axes.xaxis, x_label), (axes.yaxis, y_label)):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_label_text(label)
    axes.tick_params(which="both", length=0, pad=7, labelcolor=MUTED)
    axes.grid(axis=grid, color=LINE)
    axes.spines[["left", "right", "top"]].set_visible(False)


def log_x(axes: Any, lowest: float, highest: float) -> None:
    """Makes the horizontal axis logarithmic, with room on both sides of the values."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(lowest / 1.6, highest * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if highest < 1000 * lowest else (1.0,)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def shortened(name: str, most: int = _LABEL) -> str:
    """Returns a name that fits beside a chart; tables have it in full."""
    return name if len(name) <= most else name[: most - 1] + "…"


def swatches(figure: Any, names: Sequence[str], colors: Sequence[str]) -> None:
    """Puts a legend at the top of a figure, in as many rows as `swatch_height` makes room for."""
    from matplotlib.patches import Patch

    handles = [Patch(color=color, label=shortened(name, _SWATCH)) for name, color in zip(names, colors, strict=True)]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=_swatch_columns(names, figure.get_figwidth()),
        handlelength=0.9,
        handleheight=0.9,
        borderaxespad=0,
    )


def swatch_height(names: Sequence[str], width: float) -> float:
    """Returns the inches that `swatches` needs at the top of a figure so wide."""
    return 0.15 + 0.23 * -(-len(names) // _swatch_columns(names, width))


def _swatch_columns(names: Sequence[str], width: float) -> int:
    widest = max(len(shortened(name, _SWATCH)) for name in names)
    return max(1, min(len(names), int(width / (0.55 + 0.09 * widest))))


def _inline(document: str, alternative: str) -> str:
    """Makes an SVG document of matplotlib an element of a page."""
    root = ElementTree.fromstring(document)
    for child in list(root):
        if not child.tag.endswith("}g"):  # metadata, clips and a style sheet, which would be the whole page's
            root.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _copy_uses(root)
    for element in root.iter():
        for name in ("id", "clip-path"):
            element.attrib.pop(name, None)
        if style := element.get("style"):
            element.set("style", _page_style(style))
        if path := element.get("d"):
            element.set("d", " ".join(path.split()))
        if (element.get("transform") or "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        element.text, element.tail = (text if text and text.strip() else None for text in (element.text, element.tail))
    _drop_empty(root)
    width = float(root.attrib["viewBox"].split()[2]) / _REM
    root.attrib = {
        "class": "chart",
        "style": f"min-width: {_SMALLEST * width:.4g}rem; max-width: {_LARGEST * width:.4g}rem",
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": alternative,
    }
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _copy_uses(root: ElementTree.Element) -> None:
    """Puts copies in place of references, whose identifiers other charts of the page could have too."""
    known = {element.get("id"): element for element in root.iter("path") if element.get("id")}
    for parent in list(root.iter()):
        for place, child in enumerate(list(parent)):
            if child.tag == "use":
                source = known[next(value for name, value in child.attrib.items() if name.endswith("href"))[1:]]
                copied = ElementTree.Element("path", {"d": source.attrib["d"]})
                copied.set("style", "; ".join(filter(None, (source.get("style"), child.get("style")))))
                copied.set("transform", f"translate({child.get('x', '0')} {child.get('y', '0')})")
                parent[place] = copied
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == "defs":
                parent.remove(child)


def _drop_empty(element: ElementTree.Element) -> None:
    for child in list(element):
        _drop_empty(child)
        if child.tag == "g" and not len(child):
            element.remove(child)


def _page_style(style: str) -> str:
    rules = "; ".join(rule for rule in style.split("; ") if not rule.startswith("font-family"))
    return re.sub("|".join(_VARIABLES), lambda found: _VARIABLES[found[0]], rules)
