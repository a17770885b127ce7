"""The figures of a model that a report compares: how each is got, written, and set against the one before."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pipeline.reporting.document import Document, Measurement, measurement_of
from pipeline.reporting.figures import (
    format_bytes,
    format_count,
    format_milliseconds,
    format_percent,
    format_points,
    format_ratio,
    format_score,
    format_seconds,
)
from pipeline.reporting.graph import upstream

# Two runs of one model differ by a few percent, so a smaller gain in time is not called one.
LATENCY_TOLERANCE = 0.05

Change = Callable[[float, float], tuple[str, str]]
"""Takes the figure before and the figure now; gives the change in words, and "better", "worse" or "same"."""


class Metric(NamedTuple):
    """A figure of a model.

    Attributes:
        key: Its name in the report's data.
        label: Its name on the page.
        value: How it is got from `figures_of`.
        text: How it is written.
        change: How it is compared.
    """

    key: str
    label: str
    value: Callable[[Mapping[str, Any]], float]
    text: Callable[[float], str]
    change: Change

    @property
    def more_is_better(self) -> bool:
        """Whether of two such figures the larger one is better."""
        return self.change(1.0, 2.0)[1] == "better"

    @property
    def axis(self) -> tuple[str, float]:
        """The label of an axis of such figures, with their unit there, and what they are multiplied by."""
        unit, scale = _ON_AXES.get(self.text, ("", 1.0))
        return f"{self.label}{unit}", scale


_ON_AXES: Mapping[Callable[[float], str], tuple[str, float]] = {
    format_percent: (", %", 100.0),
    format_bytes: (", KiB", 1 / 1024),
    format_milliseconds: (", ms", 1.0),
}


def points(was: float, now: float) -> tuple[str, str]:
    """Compares two shares in percentage points; more is better."""
    if round(100 * (now - was), 2) == 0:
        return "unchanged", "same"
    return format_points(now - was), "better" if now > was else "worse"


def score(was: float, now: float) -> tuple[str, str]:
    """Compares two scores by their difference; more is better."""
    if format_score(was) == format_score(now):
        return "unchanged", "same"
    return f"{now - was:+.4f}", "better" if now > was else "worse"


def speed(was: float, now: float) -> tuple[str, str]:
    """Compares two times; within 5 % is no faster."""
    if was <= 0 or now <= 0:
        return "not comparable", "same"
    if now / was > 1 + LATENCY_TOLERANCE:
        return f"no faster ({format_ratio(now / was)} slower)", "worse"
    if now / was >= 1 - LATENCY_TOLERANCE:
        return "no faster", "same"
    return f"{format_ratio(was / now)} faster", "better"


def times(less: str, more: str) -> Change:
    """Returns how two amounts are compared by their ratio, in words for less, which is better, and more."""

    def change(was: float, now: float) -> tuple[str, str]:
        if was == now:
            return "unchanged", "same"
        if was <= 0 or now <= 0:
            return "not comparable", "same"
        ratio = max(was, now) / min(was, now)
        word, trend = (less, "better") if now < was else (more, "worse")
        return (f"{format_ratio(ratio)} {word}", trend) if ratio >= 1.005 else (f"barely {word}", trend)

    return change


def _metric(key: str, label: str, text: Callable[[float], str], change: Change) -> Metric:
    return Metric(key, label, lambda figures: figures[key], text, change)


def _latency(key: str) -> Metric:
    return Metric(f"latency_{key}", f"Latency {key}", lambda m: m["latency_ms"][key], format_milliseconds, speed)


QUALITY = {
    "classification": (_metric("accuracy", "Accuracy", format_percent, points),),
    "regression": (
        _metric("r2", "R²", format_score, score),
        _metric("rmse", "RMSE", format_score, times("smaller", "larger")),
        _metric("mae", "MAE", format_score, times("smaller", "larger")),
    ),
    "multi_label": (
        _metric("f1", "F1 (micro)", format_percent, points),
        _metric("subset_accuracy", "All labels right", format_percent, points),
    ),
}
"""How good a model is, by task; the first figure is the one that is quoted alone."""

COST = (
    _metric("bytes", "File size", format_bytes, times("smaller", "larger")),
    _metric("deflated_bytes", "Deflated size", format_bytes, times("smaller", "larger")),
    _latency("p50"),
    _latency("p90"),
    _latency("p99"),
    _latency("mean"),
    _metric("flops", "Operations per inference", format_count, times("fewer", "more")),
    _metric("parameters", "Parameters", format_count, times("fewer", "more")),
    _metric("nonzero_parameters", "Nonzero parameters", format_count, times("fewer", "more")),
    _metric("sparsity", "Sparsity", format_percent, points),
    _metric("peak_memory_bytes", "Peak memory", format_bytes, times("less", "more")),
    _metric("core_seconds", "Core time to make", format_seconds, times("less", "more")),
)
"""What a model costs to serve, and the core time of all the stages that it came from."""

METRICS = {metric.key: metric for group in (*QUALITY.values(), COST) for metric in group}
"""All of them, by key."""


def metrics_of(measurement: Measurement) -> tuple[Metric, ...]:
    """Returns the figures to compare, those of quality first.

    Raises:
        ValueError: If the task is unknown.
    """
    if measurement["task"] not in QUALITY:
        raise ValueError(f"task {measurement['task']!r} is unknown: known are {', '.join(QUALITY)}")
    return (*QUALITY[measurement["task"]], *COST)


def figures_of(document: Document, name: str) -> dict[str, Any]:
    """Returns what was measured of a model, and `core_seconds`: what all stages cost that it came from.

    Raises:
        ValueError: If no model has that name.
    """
    measurement = measurement_of(document, name)
    stage = next(model["stage"] for model in document["models"] if model["name"] == name)
    spent = sum(each["cost"]["core_seconds"] for each in upstream(document["stages"], stage))
    return {**measurement, "core_seconds": spent}
