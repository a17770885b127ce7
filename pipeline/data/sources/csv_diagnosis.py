"""Why a CSV file can't be read: the first offending line, which the fast reader can't tell."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import numpy as np

from pipeline.data.hints import shown

_LARGEST = float(np.finfo(np.float32).max)
_TRUTHS = ("True", "TRUE", "true", "False", "FALSE", "false")
_TRUTH = "a truth value among numbers"
_ACCEPTED = {
    "rows of another length": "as many cells as the header has",
    "missing label": "a label in each row",
    "missing value": "a number in each cell but the label's",
    "not a number": "a number in each cell but the label's",
    "infinite value": "finite numbers",
    "too large for float32": f"numbers up to {_LARGEST:.4g}",
    _TRUTH: "a column all of numbers, or all of true and false",
}


def explain(stream: TextIO, names: tuple[str, ...], label: int, delimiter: str, failure: Exception) -> str:
    """Returns one line on the first defect: its line, column and value, and how many of its sort there are.

    Args:
        stream: The file's text, from its beginning.
        names: The header.
        label: The label column's index.
        delimiter: As the file was read with.
        failure: What the fast reader said, which stands when no defect is found here.
    """
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    rows = 0
    # A row that this reader can't take either leaves the fast reader's words to explain it.
    with suppress(csv.Error):
        for line, row in _rows(stream, delimiter):
            rows += 1
            for sort, where in _defects(row, names, label):
                counts[sort] += 1
                first.setdefault(sort, f"line {line}, {where}")
        if not rows:
            return "has a header but no rows; accepted: a header and rows"
    # A truth value is at fault only when nothing else is: a column of nothing else is read as 1 and 0.
    worst = min(first, key=lambda found: found == _TRUTH, default=None)
    if worst is None:
        return " ".join(str(failure).split())
    return f"{first[worst]}: {worst} ({counts[worst]} in all); accepted: {_ACCEPTED[worst]}"


def _rows(stream: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields each row after the header with the line that it begins on, counted from 1."""
    reader = csv.reader(stream, delimiter=delimiter)
    line, header = 1, True
    for row in reader:
        if len(row) > 1 or "".join(row).strip():
            if not header:
                yield line, row
            header = False
        line = reader.line_num + 1


def _defects(row: list[str], names: tuple[str, ...], label: int) -> Iterator[tuple[str, str]]:
    """Yields each defect's sort and its place in the row."""
    if len(row) != len(names):
        yield "rows of another length", f"{len(row)} cells for {len(names)} columns"
        return
    for index, (name, cell) in enumerate(zip(names, row, strict=True)):
        sort = ("" if cell.strip() else "missing label") if index == label else _defect(cell.strip())
        if sort:
            yield sort, f"column {name!r}{f', {shown(cell)}' if cell.strip() else ''}"


def _defect(cell: str) -> str:
    """Returns the sort of defect of a cell that must be a number, or nothing."""
    if not cell:
        return "missing value"
    if cell in _TRUTHS:
        return _TRUTH
    try:
        # Python takes 1_000 and other alphabets' digits for numbers, the fast reader doesn't.
        number = float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        return "not a number"
    if math.isnan(number):
        return "not a number"
    if math.isinf(number) and "inf" in cell.lower():
        return "infinite value"
    return "too large for float32" if abs(number) > _LARGEST else ""
