"""What each model changes against the one before, in words that claim no more than was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.document import Document, measurement_of
from pipeline.reporting.metrics import LATENCY_TOLERANCE, figures_of, metrics_of

# Two trainings of one architecture deflate to sizes that differ by less, which is no saving.
BYTES_TOLERANCE = 0.01


@dataclass(frozen=True)
class Row:
    """One metric of one model; `trend` is `better`, `worse`, `same`, or `before` for the model compared with."""

    model: str
    metric: str
    label: str
    value: float
    text: str
    change: str
    trend: str


def comparison(document: Document) -> list[Row]:
    """Compares every figure of every model with that of the model `before`.

    Shares change in percentage points, all else by ratio. A median latency within 5 % of the one before, or above it,
    is said to be no faster.

    Returns:
        A row for each model and metric, models in the document's order, metrics in that of `metrics_of`.

    Raises:
        ValueError: If `before` is not among the models, or two models have different tasks.
    """
    before = document["before"]
    base = figures_of(document, before)
    rows = []
    for model in document["models"]:
        figures = figures_of(document, model["name"])
        if figures["task"] != base["task"]:
            raise ValueError(f"{model['name']} is a {figures['task']} and {before} a {base['task']}: not comparable")
        for metric in metrics_of(measurement_of(document, before)):
            was, now = metric.value(base), metric.value(figures)
            change, trend = ("", "before") if model["name"] == before else metric.change(was, now)
            rows.append(Row(model["name"], metric.key, metric.label, now, metric.text(now), change, trend))
    return rows


def chosen(document: Document) -> str | None:
    """Returns the model that the verdict names; None if there is none but the one before.

    It is the smallest to transfer (in deflated bytes), of several alike the best; if none is smaller than the one
    before, the one that took the least core time to make, or the smallest after all if none took less.

    Raises:
        ValueError: If `before` is not among the models.
    """
    base = figures_of(document, document["before"])
    others = [figures_of(document, model["name"]) | {"name": model["name"]} for model in document["models"]]
    others = [each for each in others if each["name"] != document["before"]]
    if not others:
        return None
    quality = metrics_of(measurement_of(document, document["before"]))[0]
    fewest = min(each["deflated_bytes"] for each in others)
    alike = [each for each in others if each["deflated_bytes"] <= (1 + BYTES_TOLERANCE) * fewest]
    smallest = max(alike, key=quality.value)
    cheapest = min(others, key=lambda each: each["core_seconds"])
    if not _is_smaller(smallest, base) and _is_cheaper(cheapest, base):
        return str(cheapest["name"])
    return str(smallest["name"])


def verdict(document: Document) -> str:
    """Says in one line what the chosen model saves, and what it costs in quality.

    Raises:
        ValueError: If `before` is not among the models.
    """
    before = document["before"]
    name = chosen(document)
    if name is None:
        return f"Only {before} was measured: there is nothing to compare it with."
    base, figures = figures_of(document, before), figures_of(document, name)
    quality = metrics_of(measurement_of(document, before))[0]
    rows = {(row.model, row.metric): row for row in comparison(document)}
    label = "accuracy" if quality.key == "accuracy" else quality.label
    cost = f"{label} {rows[name, quality.key].change} "
    cost += f"({rows[before, quality.key].text} to {rows[name, quality.key].text})"
    if _is_smaller(figures, base):
        size, speed = rows[name, "deflated_bytes"].change, rows[name, "latency_p50"].change
        return f"{name} against {before}: {size} deflated, {speed} at the median, {cost}."
    if _is_cheaper(figures, base):
        return f"{name} against {before}: {rows[name, 'core_seconds'].change} core time to make, {cost}."
    return f"Nothing was saved: no model deflates smaller than {before}; the smallest, {name}, has {cost}."


def _is_smaller(figures: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    return bool(figures["deflated_bytes"] < (1 - BYTES_TOLERANCE) * base["deflated_bytes"])


def _is_cheaper(figures: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    return bool(figures["core_seconds"] < (1 - LATENCY_TOLERANCE) * base["core_seconds"])
