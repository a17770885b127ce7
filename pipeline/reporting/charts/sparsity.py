"""How many of each layer's weights are zero."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import SERIES
from pipeline.reporting.charts.rows import rows_chart


def sparsity_chart(layers: Sequence[str], shares: Mapping[str, Sequence[float | None]], *, alternative: str) -> str:
    """Draws a row for each layer with a bar for each model.

    Args:
        layers: Their names.
        shares: For each of up to eight models by name, each layer's share of zeros, 0 to 1; None where it has none.
        alternative: The chart in words.
    """
    thickness = 0.8 / len(shares)

    def draw(axes: Any) -> None:
        for place, values in enumerate(shares.values()):
            rows = [index - 0.4 + (place + 0.5) * thickness for index in range(len(layers))]
            axes.barh(rows, [100 * (value or 0) for value in values], height=0.85 * thickness, color=SERIES[place])
        axes.set_xlim(0, 100)

    return rows_chart(
        layers,
        dict(zip(shares, SERIES, strict=False)),
        draw,
        x_label="zeros, % of the layer's weights",
        row=max(0.3, 0.14 * len(shares)),
        alternative=alternative,
    )
