"""Tables that the stages show, drawn as bars, a line or several where they say so."""

from typing import Any

from pipeline.reporting.document import Document, Exhibit
from pipeline.reporting.figures import format_count, format_score
from pipeline.reporting.sections.tables import Cell, Table, drawn


def exhibits(document: Document) -> list[dict[str, Any]]:
    """Prepares every stage's exhibits, in the stages' order: `stage`, `title`, `table`, and `chart` or None."""
    return [
        {
            "stage": stage["name"],
            "title": exhibit["title"],
            "table": _table(stage["name"], exhibit),
            "chart": _curves(stage["name"], exhibit) or _line(exhibit),
        }
        for stage in document["stages"]
        for exhibit in stage["exhibits"]
    ]


def bar_length(value: float, scale: float) -> str:
    """Returns the length of a bar on a scale of 100; an R² below 0, worse than the mean, has none."""
    return f"{100 * max(0.0, value) / scale:.2f}"


def _table(stage: str, exhibit: Exhibit) -> Table:
    """Formats a stage's table; a column that is to be drawn gets a bar for each row, scaled by the largest."""
    columns, rows = exhibit["columns"], exhibit["rows"]
    place = columns.index(exhibit["bars"]) if exhibit["bars"] else None
    largest = max((float(row[place]) for row in rows), default=0.0) if place is not None else 0.0
    cells = []
    for row in rows:
        line = [Cell(_text(cell), None if isinstance(cell, str) else float(cell)) for cell in row]
        if place is not None:
            line[0] = line[0]._replace(length=bar_length(float(row[place]), largest or 1.0))
        cells.append(line)
    return Table(f"{stage}: {exhibit['title']}", columns, [index > 0 for index in range(len(columns))], cells)


def _line(exhibit: Exhibit) -> Any:
    """Prepares a line, if the exhibit has one of two points or more."""
    name, rows = exhibit.get("line"), exhibit["rows"]
    if not name or len(rows) < 2:
        return None
    place = exhibit["columns"].index(name)
    x, y = ([float(row[column]) for row in rows] for column in (0, place))
    at = {index: f"{_text(row[place])} at {exhibit['columns'][0]} {_text(row[0])}" for index, row in enumerate(rows)}
    ends = f"from {at[0]} to {at[len(rows) - 1]}"
    turns = f"lowest {at[y.index(min(y))]}, highest {at[y.index(max(y))]}"
    return drawn(
        "line",
        x=x,
        y=y,
        x_label=exhibit["columns"][0],
        y_label=name,
        alternative=f"{exhibit['title']}: {name} {ends}; {turns}",
        log_x=exhibit.get("log_x", False),
    )


def _curves(stage: str, exhibit: Exhibit) -> Any:
    """Prepares panels of lines, if the exhibit has some of two points or more."""
    names, rows = exhibit.get("lines"), exhibit["rows"]
    if not names or len(rows) < 2:
        return None
    columns = {column: [float(row[place]) for row in rows] for place, column in enumerate(exhibit["columns"])}
    first = exhibit["columns"][0]
    told = "; ".join(
        f"{name} from {_text(columns[name][0])} to {_text(columns[name][-1])}" for panel in names for name in panel
    )
    return drawn(
        "curves",
        x=columns[first],
        panels=[{name: columns[name] for name in panel} for panel in names],
        x_label=first,
        alternative=f"{stage}: {exhibit['title']}: {told}",
    )


def _text(value: str | int | float) -> str:
    if isinstance(value, str):
        return value
    return format_count(value) if isinstance(value, int) else format_score(value)
