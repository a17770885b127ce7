"""What each model cost to make, by the stage that it was spent in."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting.charts.base import NEUTRAL, SERIES
from pipeline.reporting.charts.rows import rows_chart

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
    colors = dict(zip(layers, [*SERIES[: len(shown)], NEUTRAL], strict=False))

    def draw(axes: Any) -> None:
        starts = [0.0] * len(models)
        for stage, values in layers.items():
            axes.barh(range(len(models)), values, left=starts, height=0.62, color=colors[stage])
            starts = [start + value for start, value in zip(starts, values, strict=True)]
        axes.set_xlim(0, 1.03 * max(starts) or 1)

    return rows_chart(models, colors, draw, x_label="core-seconds", row=0.38, alternative=alternative)
