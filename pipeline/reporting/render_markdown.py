"""The report as GitHub-flavoured Markdown."""

import re
from typing import Any

from pipeline.reporting.document import Document
from pipeline.reporting.view import view

_MOST_OF_A_LINE = 10
"""Rows shown of a table that the page draws as a line."""


def render_markdown(document: Document) -> str:
    """Writes the report as one Markdown text.

    Raises:
        ValueError: If the document cannot be compared.
    """
    page = view(document)
    sections = [
        f"# {_escape(page['title'])}",
        f"**{_escape(page['verdict'])}**",
        "## Before and after",
        _comparison(page),
        _escape(page["conditions"]),
        *_exhibits(page),
        *_listed("## Caveats", [_escape(line) for line in page["caveats"]]),
        "## Costs",
        _costs(page),
        f"At {_escape(page['price'])}. Stages taken from the cache count with what they cost when they were made.",
        *_listed("## Stages", [_stage(stage) for stage in page["graph"]]),
        *_listed("## Notes", [f"{_escape(note['stage'])}: {_escape(note['note'])}" for note in page["notes"]]),
        "## Environment",
        _table(["", "Version"], [[name, value] for name, value in page["environment"].items()], numeric_from=2),
        "## Configuration",
        _fenced(page["config"], "yaml"),
        "## Run it again",
        _fenced(page["command"], "sh"),
    ]
    return "\n\n".join(sections) + "\n"


def _comparison(page: dict[str, Any]) -> str:
    rows = [
        [metric["label"], *(f"{row.text} ({row.change})" if row.change else row.text for row in metric["cells"])]
        for metric in page["metrics"]
    ]
    return _table(["Figure", *page["models"]], rows, numeric_from=1)


def _exhibits(page: dict[str, Any]) -> list[str]:
    found = []
    for exhibit in page["exhibits"]:
        heading = f"### {_escape(exhibit['stage'])}: {_escape(exhibit['title'])}"
        rows = exhibit["rows"]
        if exhibit["line"] and len(rows) > _MOST_OF_A_LINE:
            places = [place * (len(rows) - 1) // (_MOST_OF_A_LINE - 1) for place in range(_MOST_OF_A_LINE)]
            heading += f" ({_MOST_OF_A_LINE} of {len(rows)} values)"
            rows = [rows[place] for place in places]
        found += [heading, _table(exhibit["columns"], [row["cells"] for row in rows], numeric_from=1)]
    return ["## What the stages found", *found] if found else []


def _costs(page: dict[str, Any]) -> str:
    rows = [[row["name"], row["kind"], row["inputs"], *row["figures"].values()] for row in page["costs"]]
    return _table(
        ["Stage", "Kind", "Inputs", *page["total"]],
        [*rows, ["Total", "", "", *page["total"].values()]],
        numeric_from=3,
    )


def _stage(stage: dict[str, Any]) -> str:
    source = f" from {stage['inputs']}" if stage["inputs"] else ""
    return _escape(f"{stage['name']} ({stage['kind']}){source}; {stage['made']}")


def _table(header: list[str], rows: list[list[str]], numeric_from: int) -> str:
    rule = ["---" if column < numeric_from else "---:" for column in range(len(header))]
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
