"""A run's report as texts, tables and what charts are drawn from: the one source of the Markdown and the HTML page."""

from typing import Any

from pipeline.reporting.caveats import caveats
from pipeline.reporting.compare import Row, comparison, verdict
from pipeline.reporting.document import Document, check_version, measurement_of
from pipeline.reporting.metrics import metrics_of
from pipeline.reporting.sections.classes import classes
from pipeline.reporting.sections.exhibits import bar_length, exhibits
from pipeline.reporting.sections.overview import overview
from pipeline.reporting.sections.stages import stages
from pipeline.reporting.sections.weights import weights

_CHARTED = ("latency_p50", "deflated_bytes", "core_seconds")
_SHARES = ("accuracy", "f1", "r2")


def view(document: Document) -> dict[str, Any]:
    """Prepares everything a page shows, formatted but not escaped.

    Raises:
        ValueError: If the document is of a later version, or names an unknown model `before`, a negative price or a
            circle of stages.
    """
    check_version(document)
    rows = comparison(document)
    metrics = metrics_of(measurement_of(document, document["before"]))
    charted = (metrics[0].key, *_CHARTED)
    return {
        "title": document["title"],
        "command": document["command"],
        "config": document["config"],
        "before": document["before"],
        "verdict": verdict(document),
        "caveats": caveats(document),
        "conditions": _conditions(document),
        "models": [model["name"] for model in document["models"]],
        "metrics": [
            {"label": metric.label, "cells": [row for row in rows if row.metric == metric.key]} for metric in metrics
        ],
        "charts": [_chart(document["before"], [row for row in rows if row.metric == key]) for key in charted],
        **overview(document, rows),
        "classes": classes(document),
        "weights": weights(document),
        "exhibits": exhibits(document),
        **stages(document),
        "notes": [{"stage": stage["name"], "note": note} for stage in document["stages"] for note in stage["notes"]],
        "environment": _environment(document),
    }


def _conditions(document: Document) -> str:
    before = measurement_of(document, document["before"])
    threads = f"{before['threads']} thread" + ("s" if before["threads"] != 1 else "")
    return (
        f"{document['before']} was measured one example at a time with {before['interpreter']}, {threads}, "
        f"on {before['cpu']}; quality on {before['examples']:,} test examples."
    )


def _chart(before: str, rows: list[Row]) -> dict[str, Any]:
    """Scales one metric to bars of 0 to 100: a share as it is, all else by the largest."""
    reference = next(row.value for row in rows if row.model == before)
    is_share = rows[0].metric in _SHARES
    scale = 1.0 if is_share else max(row.value for row in rows) or 1.0
    bars = []
    for row in rows:
        relative = f"{100 * row.value / reference:.3g}% of {before}" if reference else "not comparable"
        bars.append(
            {
                "name": row.model,
                "text": row.text,
                "change": row.change,
                "is_before": row.trend == "before",
                "length": bar_length(row.value, scale),
                "alternative": f"{row.text} of {'1' if row.metric == 'r2' else '100%'}" if is_share else relative,
            }
        )
    return {"label": rows[0].label, "reference": bar_length(reference, scale), "bars": bars}


def _environment(document: Document) -> dict[str, str]:
    place = document["environment"]
    return {
        "Python": place["python"],
        "Platform": place["platform"],
        "Processor": place["cpu"],
        "Cores": str(place["cores"]),
        **dict(sorted(place["libraries"].items())),
    }
