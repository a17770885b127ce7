"""Charts of benchmarks, as PNG files for the documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

PICTURES = Path(__file__).parent / "pictures"


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        x: What the horizontal axis shows.
        y: What the vertical axis shows.
        lines: Points (x, y) of each line by its name.
        bands: Lowest and highest y at each point of a line, drawn as error bars.
        dashed: Names of lines that are there to compare with.
        log: Which axes are logarithmic: "x", "y", "xy" or none.
    """

    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    bands: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    dashed: Sequence[str] = ()
    log: str = ""


def draw(name: str, panels: Sequence[Panel]) -> Path:
    """Writes `scripts/pictures/<name>.png` with the panels beside each other, and returns its path."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(4.8 * len(panels), 3.6), layout="tight")
        seen: list[str] = []
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for label, points in panel.lines.items():
                x, y = zip(*points, strict=True)
                if label in panel.dashed:
                    axes.plot(x, y, linestyle="--", color="0.6", label=label)
                    continue
                low, high = zip(*panel.bands[label], strict=True) if label in panel.bands else (y, y)
                errors = np.abs(np.array([low, high]) - y)
                axes.errorbar(x, y, errors, marker="o", markersize=4, capsize=2, label=label)
            for axis in panel.log:
                getattr(axes, f"set_{axis}scale")("log")
            axes.set_xlabel(panel.x)
            axes.set_ylabel(panel.y)
            axes.grid(alpha=0.3, which="both")
            if len(panel.lines) > 1 and list(panel.lines) != seen:
                axes.legend(fontsize=8)
            seen = list(panel.lines)
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{name}.png"
        figure.savefig(path, dpi=110, metadata={"Software": None})
    return path
