"""Why a CSV file can't be read: the first offending line, which the fast reader can't tell."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

import numpy as np

from pipeline.data.hints import shown

_BOOLEANS = {"True", "TRUE", "true", "False", "FALSE", "false"}
_LARGEST = float(np.finfo(np.float32).max)
_ACCEPTED = {
    "columns": "as many as the header has",
    "a missing label": "a label in each row",
    "a missing value": "a number in each cell but the label's",
    "not a number": "a number in each cell but the label's",
    "an infinite value": "finite numbers",
    "too large for float32": f"numbers up to {_LARGEST:.4g}",
}


def explain(stream: TextIO, names: tuple[str, ...], label: int, delimiter: str, failure: Exception) -> str:
    """Returns one line on the first defect: its line, column and value, and how many of its sort there are.

    Args:
        stream: The file's text, from its beginning.
        names: The header.
        label: The label column's index.
        delimiter: As the file was read with.
        failure: What the fast reader said, for a defect that isn't found here.
    """
    first, odd_boolean, counts, rows = "", "", Counter[str](), 0
    sort = ""
    try:
        for line, row in _rows(stream, delimiter):
            rows += 1
            for column, defect in _defects(row, len(names), label):
                counts[defect] += 1
                if not first:
                    sort, where = defect, f"column {names[column]!r}" if column is not None else f"{len(row)} columns"
                    value = f" {shown(row[column])}" if column is not None and row[column].strip() else ""
                    first = f"line {line}, {where}:"
    except csv.Error as error:
        return f"line {line} or after: {error}"
    return first
