"""What each model changes against the one before, in words that claim no more than was measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.reporting.document import Document, Measurement, measurement_of
from pipeline.reporting.figures import (
    format_bytes,
    format_count,
    format_milliseconds,
    format_percent,
    format_points,
    format_ratio,
)

# Two runs of one model differ by a few percent, so a smaller gain in time is not called one.
LATENCY_TOLERANCE = 0.05


class Metric(NamedTuple):
    """A figure of a measurement: how to get it, how to write it, and what less and more of it are called."""

    key: str
    label: str
    value: Callable[[Measurement], float]
    text: Callable[[float], str]
    less: str
    more: str


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


METRICS = (
    Metric("accuracy", "Accuracy", lambda m: m["accuracy"], format_percent, "", ""),
    Metric("bytes", "File size", lambda m: m["bytes"], format_bytes, "smaller", "larger"),
    Metric("deflated_bytes", "Deflated size", lambda m: m["deflated_bytes"], format_bytes, "smaller", "larger"),
    Metric("latency_p50", "Latency p50", lambda m: m["latency_ms"]["p50"], format_milliseconds, "faster", "slower"),
    Metric("latency_p90", "Latency p90", lambda m: m["latency_ms"]["p90"], format_milliseconds, "faster", "slower"),
    Metric("latency_p99", "Latency p99", lambda m: m["latency_ms"]["p99"], format_milliseconds, "faster", "slower"),
    Metric("latency_mean", "Latency mean", lambda m: m["latency_ms"]["mean"], format_milliseconds, "faster", "slower"),
    Metric("flops", "Operations per inference", lambda m: m["flops"], format_count, "fewer", "more"),
    Metric("parameters", "Parameters", lambda m: m["parameters"], format_count, "fewer", "more"),
    Metric(
        "nonzero_parameters", "Nonzero parameters", lambda m: m["nonzero_parameters"], format_count, "fewer", "more"
    ),
    Metric("sparsity", "Sparsity", lambda m: m["sparsity"], format_percent, "", ""),
    Metric("peak_memory_bytes", "Peak memory", lambda m: m["peak_memory_bytes"], format_bytes, "less", "more"),
)


def comparison(document: Document) -> list[Row]:
    """Compares every figure of every model with that of the model `before`.

    Accuracy and sparsity change in percentage points, all else by ratio. A median latency within 5 % of the one
    before, or above it, is said to be no faster.

    Returns:
        A row for each model and metric, models in the document's order, metrics in that of `METRICS`.

    Raises:
        ValueError: If `before` is not among the models.
    """
    before = measurement_of(document, document["before"])
    return [
        _row(model["name"], metric, before, model["measurement"], model["name"] == document["before"])
        for model in document["models"]
        for metric in METRICS
    ]


def verdict(document: Document) -> str:
    """Says in one line what the model smallest to transfer (in deflated bytes) saves, and what it costs in accuracy.

    Raises:
        ValueError: If `before` is not among the models.
    """
    before = document["before"]
    base = measurement_of(document, before)
    others = [model for model in document["models"] if model["name"] != before]
    if not others:
        return f"Only {before} was measured: there is nothing to compare it with."
    best = min(others, key=lambda model: (model["measurement"]["deflated_bytes"], -model["measurement"]["accuracy"]))
    rows = {row.metric: row for row in comparison(document) if row.model == best["name"]}
    after = best["measurement"]
    accuracy = f"accuracy {rows['accuracy'].change} ({format_percent(base['accuracy'])} to {rows['accuracy'].text})"
    if after["deflated_bytes"] >= base["deflated_bytes"]:
        return (
            f"Nothing was saved: no model deflates smaller than {before}; the smallest, {best['name']}, has {accuracy}."
        )
    size, speed = rows["deflated_bytes"].change, rows["latency_p50"].change
    return f"{best['name']} against {before}: {size} deflated, {speed} at the median, {accuracy}."


def _row(name: str, metric: Metric, before: Measurement, after: Measurement, is_before: bool) -> Row:
    was, now = metric.value(before), metric.value(after)
    if is_before:
        change, trend = "", "before"
    elif metric.key in ("accuracy", "sparsity"):
        change, trend = _difference(now - was)
    elif metric.key.startswith("latency"):
        change, trend = _speed(was, now)
    else:
        change, trend = _times(was, now, metric.less, metric.more)
    return Row(name, metric.key, metric.label, now, metric.text(now), change, trend)


def _difference(difference: float) -> tuple[str, str]:
    if round(100 * difference, 2) == 0:
        return "unchanged", "same"
    return format_points(difference), "better" if difference > 0 else "worse"


def _speed(was: float, now: float) -> tuple[str, str]:
    if was <= 0 or now <= 0:
        return "not comparable", "same"
    if now / was > 1 + LATENCY_TOLERANCE:
        return f"no faster ({format_ratio(now / was)} slower)", "worse"
    if now / was >= 1 - LATENCY_TOLERANCE:
        return "no faster", "same"
    return f"{format_ratio(was / now)} faster", "better"


def _times(was: float, now: float, less: str, more: str) -> tuple[str, str]:
    if was == now:
        return "unchanged", "same"
    if was <= 0 or now <= 0:
        return "not comparable", "same"
    ratio = max(was, now) / min(was, now)
    word, trend = (less, "better") if now < was else (more, "worse")
    return (f"{format_ratio(ratio)} {word}", trend) if ratio >= 1.005 else (f"barely {word}", trend)
