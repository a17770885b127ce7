"""CSV files without the rows that can't be read."""

import csv
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.data.examples import Skipped
from pipeline.data.sources.csv_diagnosis import judge
from pipeline.data.sources.csv_text import CsvFile
from pipeline.data.tables.roles import Role


def without_defects(
    files: Sequence[CsvFile], roles: Mapping[str, Role], missing: Collection[str], folder: Path
) -> tuple[list[CsvFile], list[Skipped]]:
    """Returns copies of the files, in an existing folder, and the rows that they lack."""
    copies, skipped = [], []
    for index, file in enumerate(files):
        copy = replace(file, path=folder / f"{index}.csv", header_lines=1, plain=False)
        with copy.path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=file.delimiter).writerow(file.names)
        copies.append(copy)
    current = -1
    with ExitStack() as opened:
        for index, row, defect in judge(files, roles, missing):
            if index != current:
                current = index
                opened.close()
                stream = opened.enter_context(copies[index].path.open("a", encoding="utf-8", newline=""))
                writer = csv.writer(stream, delimiter=files[index].delimiter)
            if defect is None:
                writer.writerow(row)
            else:
                why = f"{defect.place}: {defect.sort}; accepted: {defect.accepted}"
                skipped.append(Skipped(f"{defect.file.path} line {defect.line}", why))
    return copies, skipped
