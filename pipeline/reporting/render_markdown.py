"""The report as GitHub-flavoured Markdown, short enough for a pull request: all but the models is folded away."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline.reporting.document import Document
from pipeline.reporting.sections.tables import Table
from pipeline.reporting.view import view

_MOST_OF_A_LINE = 10
"""Rows shown of a table that the page draws as lines."""


def render_markdown(document: Document) -> str:
    """Writes the report as one Markdown text.

    Raises:
        ValueError: If the document cannot be compared.
    """
    page = view(document)
    sections = [
        f"# {_escape(page['title'])}",
        f"**{_escape(page['verdict'])}**",
        _rows(page["models_table"]),
        _escape(page["conditions"]),
        *_listed("## Caveats", [_escape(line) for line in page["caveats"]]),
        *_listed("## Notes", [f"{_escape(note['stage'])}: {_escape(note['note'])}" for note in page["notes"]]),
        *_folded("Every figure", [_comparison(page)]),
        *_folded("What the stages found", _exhibits(page)),
        *_folded("Costs", [_rows(page["costs"]), _money(page)]),
        *_folded("Stages", _stages(page)),
        *_folded("Environment", [_environment(page)]),
        *_folded("Configuration", [_fenced(page["config"], "yaml")]),
        "Run it again:",
        _fenced(page["command"], "sh"),
    ]
    return "\n\n".join(sections) + "\n"


def _folded(heading: str, parts: list[str]) -> list[str]:
    """Folds parts away under a heading, as GitHub shows it."""
    if not parts:
        return []
    return [f"<details><summary>{heading}</summary>", *parts, "</details>"]


def _rows(table: Table) -> str:
    rows = [[f"{cell.text} ({cell.change})" if cell.change else cell.text for cell in row] for row in table.rows]
    return _table(table.columns, [*rows, list(table.total)] if table.total else rows, table.numbers)


def _money(page: dict[str, Any]) -> str:
    return f"At {_escape(page['price'])}. Stages taken from the store count with what they cost when they were made."


def _environment(page: dict[str, Any]) -> str:
    return _table(["", "Version"], [[name, value] for name, value in page["environment"].items()], [False, False])


def _comparison(page: dict[str, Any]) -> str:
    rows = [
        [metric["label"], *(f"{row.text} ({row.change})" if row.change else row.text for row in metric["cells"])]
        for metric in page["metrics"]
    ]
    columns = ["Figure", *page["models"]]
    return _table(columns, rows, [place > 0 for place in range(len(columns))])


def _exhibits(page: dict[str, Any]) -> list[str]:
    found = []
    for exhibit in page["exhibits"]:
        table = exhibit["table"]
        heading = f"### {_escape(table.caption)}"
        rows = table.rows
        if exhibit["chart"] and len(rows) > _MOST_OF_A_LINE:
            places = [place * (len(rows) - 1) // (_MOST_OF_A_LINE - 1) for place in range(_MOST_OF_A_LINE)]
            heading += f" ({_MOST_OF_A_LINE} of {len(rows)} values)"
            table = table._replace(rows=[rows[place] for place in places])
        found += [heading, _rows(table)]
    return found


def _stages(page: dict[str, Any]) -> list[str]:
    lines = []
    for stage in page["graph"]:
        source = f" from {stage['inputs']}" if stage["inputs"] else ""
        lines.append(_escape(f"{stage['name']} ({stage['kind']}){source}, {stage['time']}; {stage['made']}"))
    listed = ["\n".join(f"- {line}" for line in lines)] if lines else []
    return [*([page["reuse"]] if page["reuse"] else []), *listed]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool]) -> str:
    rule = ["---:" if number else "---" for number in numbers]
    lines = [[_escape(cell) for cell in header], rule, *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(heading: str, lines: list[str]) -> list[str]:
    return [heading, "\n".join(f"- {line}" for line in lines)] if lines else []


def _escape(text: str) -> str:
    """Makes a text one line without Markdown or HTML of its own."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def _fenced(text: str, language: str) -> str:
    """Fences a text with more backticks than any it holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
