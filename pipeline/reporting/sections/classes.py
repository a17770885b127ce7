"""Which classes a classification gets right, before and after."""

from collections.abc import Sequence
from typing import Any

from pipeline.reporting.compare import chosen
from pipeline.reporting.document import Document, measurement_of
from pipeline.reporting.figures import format_percent, format_points
from pipeline.reporting.sections.tables import Cell, Table, drawn

MOST_MODELS = 8
"""Of more models the first are drawn; the table has all."""

_MOST_CLASSES = 40
_CONFUSED = 3


def classes(document: Document) -> dict[str, Any] | None:
    """Prepares confusion matrices, each class's change, and the table of both; None without such counts.

    The matrices are those of the model before and the model that the verdict names. Models that know other classes than
    the one before are left out.
    """
    before = measurement_of(document, document["before"])
    if "confusion" not in before or "classes" not in before:
        return None
    names = before["classes"]
    right = {
        model["name"]: _shares(model["measurement"]["confusion"])
        for model in document["models"]
        if model["measurement"].get("classes") == names and "confusion" in model["measurement"]
    }
    shown = [name for name in (document["before"], chosen(document)) if name in right]
    return {
        "matrices": [_matrix(document, name, names) for name in shown],
        "change": _change(document["before"], right, names),
        "table": _table(document["before"], right, names, [sum(row) for row in before["confusion"]]),
    }


def _shares(counts: Sequence[Sequence[int]]) -> list[float | None]:
    """Returns which share of each true class is right; None where no example is of it."""
    return [row[place] / sum(row) if sum(row) else None for place, row in enumerate(counts)]


def _matrix(document: Document, model: str, names: list[str]) -> dict[str, Any]:
    counts = measurement_of(document, model)["confusion"]
    wrong = sorted(
        (-count, true, predicted)
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and true != predicted
    )
    total = sum(map(sum, counts))
    right = sum(row[place] for place, row in enumerate(counts))
    told = "; ".join(f"{names[true]} taken for {names[other]} ({-count:,})" for count, true, other in wrong[:_CONFUSED])
    alternative = f"Confusion matrix of {model}: {right:,} of {total:,} right" + (
        f"; most often {told}" if told else ""
    )
    return {
        "model": model,
        "told": told,
        "chart": drawn("confusion", counts=counts, classes=names, alternative=alternative),
    }


def _change(before: str, right: dict[str, list[float | None]], names: list[str]) -> Any:
    after = [name for name in right if name != before][:MOST_MODELS]
    if not after:
        return None
    changes = {name: [_points(was, now) for was, now in zip(right[before], right[name], strict=True)] for name in after}
    largest = [max(abs(changes[name][place]) for name in after) for place in range(len(names))]
    order = sorted(range(len(names)), key=lambda place: -largest[place])[:_MOST_CLASSES]
    places = sorted(order)
    told = []
    for name in after:
        worst = min(places, key=lambda place: changes[name][place])
        best = max(places, key=lambda place: changes[name][place])
        told.append(
            f"{name} from {names[worst]} {changes[name][worst]:+.2f} to {names[best]} {changes[name][best]:+.2f} points"
        )
    return drawn(
        "class_change",
        classes=[names[place] for place in places],
        changes={name: [changes[name][place] for place in places] for name in after},
        alternative=f"Change of the share of each class that is right, against {before}: {'; '.join(told)}",
    )


def _points(was: float | None, now: float | None) -> float:
    return 0.0 if was is None or now is None else 100 * (now - was)


def _table(before: str, right: dict[str, list[float | None]], names: list[str], counts: list[int]) -> Table:
    rows = []
    for place, name in enumerate(names):
        cells = [Cell(name), Cell(f"{counts[place]:,}", counts[place])]
        for model, shares in right.items():
            was, now = right[before][place], shares[place]
            if was is None or now is None:
                cells.append(Cell("no example"))
            elif model == before or round(100 * (now - was), 2) == 0:
                cells.append(Cell(format_percent(now), now, "" if model == before else "unchanged", "same"))
            else:
                trend = "better" if now > was else "worse"
                cells.append(Cell(format_percent(now), now, format_points(now - was), trend))
        rows.append(cells)
    columns = ["Class", "Examples", *right]
    caption = "Which share of each class is classified right, by the exported file"
    return Table(caption, columns, [place > 0 for place in range(len(columns))], rows)
