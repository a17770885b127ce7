"""What each model cost to make, by the stage that it was spent in."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import (
    NEUTRAL,
    SERIES,
    chart,
    name_rows,
    name_width,
    panels,
    plain_axes,
    swatch_height,
    swatches,
)

_WIDTH = 8.5

MOST = 7
"""Stages that have a colour of their own; the rest are added up."""


def cost_chart(models: Sequence[str], spent: Mapping[str, Sequence[float]], *, alternative: str) -> str:
    """Draws a bar for each model, stacked from what each stage took.

    Args:
        models: Their names.
        spent: Core-seconds of each stage by name, for each model; 0 where the model does not come from it.
        alternative: The chart in words.
    """
    order = sorted(spent, key=lambda stage: -max(spent[stage]))
    shown = {stage: spent[stage] for stage in spent if stage in order[:MOST]}
    others = [sum(spent[stage][place] for stage in order[MOST:]) for place in range(len(models))]
    layers = {**shown, **({f"{len(order) - MOST} others": others} if order[MOST:] else {})}
    colors = [*SERIES[: len(shown)], NEUTRAL][: len(layers)]
    top = swatch_height(list(layers), _WIDTH)

    def paint(figure: Any) -> None:
        (axes,) = panels(figure, left=name_width(models), bottom=0.65, top=top)
        plain_axes(axes, x_label="core-seconds", grid="x")
        starts = [0.0] * len(models)
        for (_, values), color in zip(layers.items(), colors, strict=True):
            axes.barh(range(len(models)), values, left=starts, height=0.62, color=color)
            starts = [start + value for start, value in zip(starts, values, strict=True)]
        axes.set_xlim(0, 1.03 * max(starts) or 1)
        name_rows(axes, models)
        swatches(figure, list(layers), colors)

    height = top + 0.65 + 0.38 * len(models)
    return chart(paint, inches=(_WIDTH, height), alternative=alternative)
