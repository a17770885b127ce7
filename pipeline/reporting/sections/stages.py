"""What the stages cost, by model and stage, and how they build on one another."""

from typing import Any

from pipeline.reporting.charts.stages import Box
from pipeline.reporting.document import Cost, Document, Stage
from pipeline.reporting.figures import format_bytes, format_money, format_seconds
from pipeline.reporting.graph import depths, upstream
from pipeline.reporting.money import stage_money, total_cost, total_money
from pipeline.reporting.sections.tables import Cell, Table, drawn

_KEY_SHOWN = 12
_HEADINGS = ("Wall time", "Core time", "Peak memory", "Read", "Written", "Attempts", "Money")


def stages(document: Document) -> dict[str, Any]:
    """Prepares the table of costs, the chart of what each model cost, and the graph.

    Raises:
        ValueError: If the price is negative, or stages wait for each other in a circle.
    """
    found = depths(document["stages"])
    reused = {stage["name"] for stage in document["stages"] if is_reused(document, stage)}
    return {
        "costs": costs(document),
        "price": f"{document['per_core_hour']:,g} {document['currency']} per core-hour",
        "cost_chart": _cost_chart(document) if document["stages"] else None,
        "graph": [
            {
                "name": stage["name"],
                "kind": stage["kind"],
                "inputs": inputs(stage),
                "depth": depth,
                "time": format_seconds(stage["cost"]["wall_seconds"]),
                "made": ("reused, " if stage["name"] in reused else "")
                + f"made {stage['created']} in run {stage['run']}, key {stage['key'][:_KEY_SHOWN]}",
            }
            for stage, depth in found
        ],
        "graph_chart": _graph_chart(found, reused) if found else None,
        "reuse": _reuse(document, reused),
    }


def is_reused(document: Document, stage: Stage) -> bool:
    """Returns whether a stage's artifact was made in an earlier run; False where the document does not name its run."""
    return document.get("run", stage["run"]) != stage["run"]


def inputs(stage: Stage) -> str:
    """Lists a stage's inputs and where each comes from."""
    return ", ".join(f"{name}: {source}" for name, source in stage["inputs"].items())


def costs(document: Document) -> Table:
    """Lists what each stage consumed, and the total."""
    rows = []
    for stage in document["stages"]:
        money = stage_money(stage["cost"], document["per_core_hour"])
        name = Cell(stage["name"], change=stage["kind"])
        rows.append([name, Cell(inputs(stage) or "none"), *_cells(stage["cost"], money, document["currency"])])
    total = [cell.text for cell in _cells(total_cost(document), total_money(document), document["currency"])]
    columns = ["Stage", "Inputs", *_HEADINGS]
    return Table("Costs by stage", columns, [place > 1 for place in range(len(columns))], rows, ["Total", "", *total])


def _cells(cost: Cost, money: float, currency: str) -> list[Cell]:
    return [
        Cell(format_seconds(cost["wall_seconds"]), cost["wall_seconds"]),
        Cell(format_seconds(cost["core_seconds"]), cost["core_seconds"]),
        Cell(format_bytes(cost["peak_bytes"]), cost["peak_bytes"]),
        Cell(format_bytes(cost["bytes_read"]), cost["bytes_read"]),
        Cell(format_bytes(cost["bytes_written"]), cost["bytes_written"]),
        Cell(f"{cost['attempts']:,}", cost["attempts"]),
        Cell(format_money(money, currency), money),
    ]


def _cost_chart(document: Document) -> Any:
    models = [model["name"] for model in document["models"]]
    made = [
        {stage["name"]: stage["cost"]["core_seconds"] for stage in upstream(document["stages"], model["stage"])}
        for model in document["models"]
    ]
    names = [stage["name"] for stage in document["stages"] if any(stage["name"] in each for each in made)]
    if not names:
        return None
    told = [
        f"{model} {format_seconds(sum(each.values()))}, most of it {max(each, key=lambda name: each[name])}"
        for model, each in zip(models, made, strict=True)
        if each
    ]
    return drawn(
        "cost",
        models=models,
        spent={name: [each.get(name, 0.0) for each in made] for name in names},
        alternative=f"Core time to make each model, stacked by stage: {'; '.join(told)}",
    )


def _graph_chart(found: list[tuple[Stage, int]], reused: set[str]) -> Any:
    boxes = [
        Box(
            stage["name"],
            depth,
            list(dict.fromkeys(stage["inputs"].values())),
            f"{stage['kind']}, {format_seconds(stage['cost']['wall_seconds'])}",
            stage["name"] in reused,
        )
        for stage, depth in found
    ]
    told = f"{len(boxes)} stages in {1 + max(box.depth for box in boxes)} columns, listed below"
    return drawn("stages", boxes=boxes, alternative=f"Graph of the stages: {told}")


def _reuse(document: Document, reused: set[str]) -> str:
    """Says in one line what was reused; nothing where the document does not name its run."""
    if "run" not in document:
        return ""
    if not reused:
        return "Every stage was built in this run."
    saved = sum(stage["cost"]["core_seconds"] for stage in document["stages"] if stage["name"] in reused)
    return (
        f"{len(reused)} of {len(document['stages'])} stages were reused from earlier runs, "
        f"which saved {format_seconds(saved)} of core time; the others were built in this run."
    )
