"""What is wrong with CSV files, row by row, which the fast reader can't tell."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.hints import shown
from pipeline.data.sources.csv_text import CsvFile, numbered_rows
from pipeline.data.tables.cells import Sort, text_sort
from pipeline.data.tables.gather import SORTINGS
from pipeline.data.tables.roles import Role
from pipeline.data.tables.rules import Counts, at_fault, why

_RAGGED = "rows of another length"
_UNREADABLE = "row that can't be read"
_ACCEPTED = {_RAGGED: "as many cells as the header has", _UNREADABLE: "cells of up to 131072 characters"}


@dataclass(frozen=True)
class Defect:
    """A defect of one row.

    Attributes:
        file: Where it is.
        line: On which the row begins, counted from 1.
        place: What is there: the column and its text, or the row's length.
        sort: What is wrong with it.
        accepted: What would be right.
        column: Its column, if the defect is one cell's.
    """

    file: CsvFile
    line: int
    place: str
    sort: str
    accepted: str
    column: str = ""


def explain(files: Sequence[CsvFile], roles: Mapping[str, Role], missing: Collection[str]) -> str | None:
    """Returns one line on the first defect, with how many of its sort there are, or None when there is none."""
    first: Defect | None = None
    alike: Counter[tuple[str, str]] = Counter()
    for _, _, defect in judge(files, roles, missing):
        if defect is not None:
            first = first or defect
            alike[defect.sort, defect.column] += 1
    if first is None:
        return None
    count = alike[first.sort, first.column]
    return (
        f"{first.file.path}: line {first.line}, {first.place}: {first.sort} ({count} in all); "
        f"accepted: {first.accepted}"
    )


def judge(
    files: Sequence[CsvFile], roles: Mapping[str, Role], missing: Collection[str]
) -> Iterator[tuple[int, list[str], Defect | None]]:
    """Yields each row with the index of its file and its first defect, if it has one."""
    sorter = _Sorter(roles, missing)
    counts = _survey(files, sorter)
    faults = {name: at_fault(role, counts[name]) for name, role in roles.items()}
    for which, file in enumerate(files):
        columns = [(name, file.names.index(name)) for name in roles]
        for line, row in numbered_rows(file):
            if isinstance(row, str):
                yield which, [], Defect(file, line, row, _UNREADABLE, _ACCEPTED[_UNREADABLE])
                continue
            if len(row) != len(file.names):
                place = f"{len(row)} cells for {len(file.names)} columns"
                yield which, row, Defect(file, line, place, _RAGGED, _ACCEPTED[_RAGGED])
                continue
            found = None
            for name, index in columns:
                sort = sorter.sort(name, row[index])
                if sort in faults[name]:
                    reason, accepted = why(roles[name], sort, counts[name], name)
                    text = f", {shown(row[index].strip())}" if row[index].strip() else ""
                    found = Defect(file, line, f"column {name!r}{text}", reason, accepted, name)
                    break
            yield which, row, found


class _Sorter:
    """Tells a cell's sort."""

    def __init__(self, roles: Mapping[str, Role], missing: Collection[str]) -> None:
        self.roles = roles
        self._missing = frozenset(missing)
        self._special = {name: SORTINGS[role] for name, role in roles.items() if role in SORTINGS}

    def sort(self, name: str, cell: str) -> Sort:
        text = cell.strip()
        if name in self._special:
            return Sort(self._special[name]([text], self._missing)[0][0])
        return text_sort(text, self._missing)


def _survey(files: Sequence[CsvFile], sorter: _Sorter) -> dict[str, Counts]:
    """Returns how many cells of each sort a column has, in the rows that can be read."""
    counts = {name: [0] * len(Sort) for name in sorter.roles}
    for file in files:
        columns = [(name, file.names.index(name)) for name in sorter.roles]
        for _, row in numbered_rows(file):
            if not isinstance(row, str) and len(row) == len(file.names):
                for name, index in columns:
                    counts[name][sorter.sort(name, row[index])] += 1
    return {name: np.array(each, np.int64) for name, each in counts.items()}
