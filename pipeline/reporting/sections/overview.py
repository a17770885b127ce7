"""All models at a glance: the figures that are quoted, and quality by latency and size."""

from typing import Any

from pipeline.reporting.charts.scatter import Spot
from pipeline.reporting.compare import Row
from pipeline.reporting.document import Document, measurement_of
from pipeline.reporting.figures import format_bytes, format_milliseconds
from pipeline.reporting.metrics import Metric, metrics_of
from pipeline.reporting.sections.tables import Cell, Table, drawn

_QUOTED = ("deflated_bytes", "latency_p50", "flops", "sparsity", "core_seconds")
_DESCRIBED = 12


def overview(document: Document, rows: list[Row]) -> dict[str, Any]:
    """Prepares the table of models and the chart of them.

    Args:
        document: The run.
        rows: Its `comparison`.
    """
    metrics = {metric.key: metric for metric in metrics_of(measurement_of(document, document["before"]))}
    quality = next(iter(metrics.values()))
    found = {(row.model, row.metric): row for row in rows}
    quoted = (quality.key, *_QUOTED)
    table = Table(
        f"The models, with changes against {document['before']}",
        ["Model", *(metrics[key].label for key in quoted)],
        [False, *(True for _ in quoted)],
        [
            [Cell(name), *(_cell(found[name, key]) for key in quoted)]
            for name in (model["name"] for model in document["models"])
        ],
    )
    return {"models_table": table, "scatter": _scatter(document, quality)}


def _cell(row: Row) -> Cell:
    return Cell(row.text, row.value, row.change, row.trend)


def _scatter(document: Document, quality: Metric) -> Any:
    y_label, scale = quality.axis
    spots, told = [], []
    for model in document["models"]:
        name, measured = model["name"], model["measurement"]
        value, p50 = quality.value(measured), measured["latency_ms"]["p50"]
        size = format_bytes(measured["deflated_bytes"])
        is_before = name == document["before"]
        spots.append(Spot(name, p50, scale * value, measured["deflated_bytes"], size, is_before))
        told.append(f"{name} {quality.text(value)} in {format_milliseconds(p50)}, {size}")
    more = f"; {len(told) - _DESCRIBED} more in the table" if len(told) > _DESCRIBED else ""
    return drawn(
        "scatter",
        spots=spots,
        x_label="Latency p50, ms",
        y_label=y_label,
        alternative=f"{quality.label} by latency p50 and deflated size: {'; '.join(told[:_DESCRIBED])}{more}",
    )
