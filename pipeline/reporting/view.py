"""A run's report as text and bar lengths, the one source of the Markdown and the HTML page."""

from typing import Any

from pipeline.reporting.caveats import caveats
from pipeline.reporting.compare import Row, comparison, verdict
from pipeline.reporting.document import Cost, Document, Exhibit, Stage, measurement_of
from pipeline.reporting.figures import format_bytes, format_count, format_money, format_score, format_seconds
from pipeline.reporting.graph import depths
from pipeline.reporting.metrics import metrics_of
from pipeline.reporting.money import stage_money, total_cost, total_money

_CHARTED = ("latency_p50", "deflated_bytes", "core_seconds")
_SHARES = ("accuracy", "f1", "r2")
_KEY_SHOWN = 12


def view(document: Document) -> dict[str, Any]:
    """Prepares everything a page shows, formatted but not escaped.

    Raises:
        ValueError: If the document names an unknown model `before`, a negative price or a circle of stages.
    """
    rows = comparison(document)
    metrics = metrics_of(measurement_of(document, document["before"]))
    charted = (metrics[0].key, *_CHARTED)
    currency = document["currency"]
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
        "exhibits": [
            {"stage": stage["name"], **_exhibit(exhibit)}
            for stage in document["stages"]
            for exhibit in stage["exhibits"]
        ],
        "costs": [
            {
                "name": stage["name"],
                "kind": stage["kind"],
                "inputs": _inputs(stage),
                "figures": _figures(stage["cost"], stage_money(stage["cost"], document["per_core_hour"]), currency),
            }
            for stage in document["stages"]
        ],
        "total": _figures(total_cost(document), total_money(document), currency),
        "price": f"{document['per_core_hour']:,g} {currency} per core-hour",
        "graph": [
            {
                "name": stage["name"],
                "kind": stage["kind"],
                "inputs": _inputs(stage),
                "depth": depth,
                "made": f"made {stage['created']} in run {stage['run']}, key {stage['key'][:_KEY_SHOWN]}",
            }
            for stage, depth in depths(document["stages"])
        ],
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
                "length": _length(row.value, scale),
                "alternative": f"{row.text} of {'1' if row.metric == 'r2' else '100%'}" if is_share else relative,
            }
        )
    return {"label": rows[0].label, "reference": _length(reference, scale), "bars": bars}


def _length(value: float, scale: float) -> str:
    # An R² below 0, worse than the mean, has no bar.
    return f"{100 * max(0.0, value) / scale:.2f}"


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    """Formats a stage's table; a column that is to be drawn gets a bar for each row, scaled by the largest."""
    drawn = exhibit["columns"].index(exhibit["bars"]) if exhibit["bars"] else None
    largest = max((float(row[drawn]) for row in exhibit["rows"]), default=0.0) if drawn is not None else 0.0
    return {
        "title": exhibit["title"],
        "columns": exhibit["columns"],
        "rows": [
            {
                "cells": [_cell(cell) for cell in row],
                "length": None if drawn is None else _length(float(row[drawn]), largest or 1.0),
            }
            for row in exhibit["rows"]
        ],
        "line": _line(exhibit),
    }


def _line(exhibit: Exhibit) -> dict[str, Any] | None:
    """Prepares the arguments of `line_chart`, if the exhibit has a line of two points or more."""
    name, rows = exhibit.get("line"), exhibit["rows"]
    if not name or len(rows) < 2:
        return None
    drawn = exhibit["columns"].index(name)
    x, y = ([float(row[column]) for row in rows] for column in (0, drawn))
    at = {place: f"{_cell(row[drawn])} at {exhibit['columns'][0]} {_cell(row[0])}" for place, row in enumerate(rows)}
    ends = f"from {at[0]} to {at[len(rows) - 1]}"
    turns = f"lowest {at[y.index(min(y))]}, highest {at[y.index(max(y))]}"
    return {
        "x": x,
        "y": y,
        "x_label": exhibit["columns"][0],
        "y_label": name,
        "alternative": f"{exhibit['title']}: {name} {ends}; {turns}",
        "log_x": exhibit.get("log_x", False),
    }


def _cell(value: str | int | float) -> str:
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return format_count(value) if isinstance(value, int) else format_score(value)


def _inputs(stage: Stage) -> str:
    return ", ".join(f"{name}: {source}" for name, source in stage["inputs"].items())


def _figures(cost: Cost, money: float, currency: str) -> dict[str, str]:
    return {
        "Wall time": format_seconds(cost["wall_seconds"]),
        "Core time": format_seconds(cost["core_seconds"]),
        "Peak memory": format_bytes(cost["peak_bytes"]),
        "Read": format_bytes(cost["bytes_read"]),
        "Written": format_bytes(cost["bytes_written"]),
        "Attempts": f"{cost['attempts']:,}",
        "Money": format_money(money, currency),
    }


def _environment(document: Document) -> dict[str, str]:
    place = document["environment"]
    return {
        "Python": place["python"],
        "Platform": place["platform"],
        "Processor": place["cpu"],
        "Cores": str(place["cores"]),
        **dict(sorted(place["libraries"].items())),
    }
