"""Any CSV files, plain or gzipped, with a header: read by block into columns in files, in bounded memory."""

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pipeline.data.examples import Placement, Skipped, Table
from pipeline.data.hints import accepted, did_you_mean, shown
from pipeline.data.sources.csv_blocks import UnreadableError, first_block, read_blocks
from pipeline.data.sources.csv_diagnosis import explain
from pipeline.data.sources.csv_skip import without_defects
from pipeline.data.sources.csv_text import CsvFile, open_csv
from pipeline.data.sources.given_files import given_files
from pipeline.data.sources.parts import placement
from pipeline.data.tables.assemble import assemble
from pipeline.data.tables.cells import NUMBERS, Sort, text_sorts
from pipeline.data.tables.gather import Gathered, Texts, row_count
from pipeline.data.tables.roles import Role, TaskChoice, assign_roles
from pipeline.data.tables.rules import at_fault, total
from pipeline.data.tables.store import ColumnStore

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
"""Texts that stand for a missing value, unless the caller lists others."""

ON_ERROR = ("raise", "skip")


def load_csv(
    path: Path | Sequence[Path] | Mapping[str, Path],
    *,
    scratch: Path,
    label: str | Sequence[str],
    task: TaskChoice = "auto",
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    part: str | None = None,
    delimiter: str = ",",
    missing: Sequence[str] = MISSING,
    on_error: Literal["raise", "skip"] = "raise",
) -> Table:
    """Reads a table whose columns are then in `scratch`; labels and placement are in memory.

    A column all of numbers is numeric, as is one all of true and false, which count 1 and 0; any other is categorical,
    when it has up to 1000 texts. A label of whole numbers or texts, up to 1000 of them, is one of classes; one with
    fractions is a regression's target. Blank lines are skipped, and blanks around names, numbers and texts dropped.

    Args:
        path: UTF-8 text with a header, read through gzip when its name ends in .gz; or several files with one header;
            or a file for each part, of which "validation" may be missing.
        scratch: An existing folder for as long as the table is used, with room for 8 bytes a cell.
        label: The label's column, or several columns of 0 and 1 for a multi-label task.
        task: "auto" tells by the label.
        columns: The types of some features, "numeric", "integer" (whole, and exact in float32), "categorical" (up to
            100,000 texts) or "drop", in place of what their cells say.
        group: A column of which rows with the same text belong to one part.
        time: A column that orders the rows: numbers, or ISO 8601 dates, which become seconds since 1970.
        part: A column that says train, validation or test.
        delimiter: One character.
        missing: The texts that stand for a missing value, besides an empty cell. In a label of texts, and only there,
            they are texts like others.
        on_error: "skip" leaves out the rows that can't be read and lists them; "raise" refuses the file.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the files can't be read as such a table, naming the first offending line.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error {on_error!r} is unknown; {accepted(ON_ERROR)}{did_you_mean(on_error, ON_ERROR)}")
    paths, parts = given_files(path, part)
    files = [open_csv(each, delimiter) for each in paths]
    _check_headers(files)
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    roles = assign_roles(
        files[0].names, where, label=label, task=task, columns=columns, group=group, time=time, part=part
    )
    folder = Path(tempfile.mkdtemp(prefix="table_", dir=scratch))
    skipped: list[Skipped] = []
    try:
        gathered, rows = _gathered(files, roles.of, missing, folder)
    except UnreadableError as failure:
        if on_error == "raise":
            told = explain(files, roles.of, missing) or f"{where}: {failure}; accepted: rows as in RFC 4180"
            raise ValueError(told) from failure
        gathered, rows, skipped = _gathered_of_copies(files, roles.of, missing, folder, where)
    for file, count in zip(paths, rows, strict=True):
        if not count:
            left = f" that can be read ({len(skipped)} were skipped)" if skipped else ""
            raise ValueError(f"{file}: has a header but no rows{left}; accepted: a header and rows")
    placed = placement(dict(zip(parts, rows, strict=True))) if parts else Placement()
    return assemble(roles, gathered, where, placement=placed, skipped=skipped)


def _check_headers(files: Sequence[CsvFile]) -> None:
    first = files[0]
    for file in files[1:]:
        if len(file.names) != len(first.names):
            raise ValueError(
                f"{file.path}: the header has {len(file.names)} columns; "
                f"accepted: {len(first.names)}, as {first.path} has"
            )
        for index, (name, wanted) in enumerate(zip(file.names, first.names, strict=True)):
            if name != wanted:
                raise ValueError(
                    f"{file.path}: column {index + 1} of the header is {shown(name)}; "
                    f"accepted: {shown(wanted)}, as in {first.path}"
                )


def _gathered(
    files: Sequence[CsvFile], roles: Mapping[str, Role], missing: Collection[str], folder: Path
) -> tuple[dict[str, Gathered], list[int]]:
    """Returns the columns, and how many rows each file has."""
    absent = frozenset(missing)
    numeric = _numeric_at_first(files[0], roles, absent)
    if any(numeric.values()):
        # What isn't read as numbers after all is read once more as texts, whose cells are judged one by one.
        with suppress(UnreadableError):
            return _gather(files, roles, numeric, absent, folder)
    return _gather(files, roles, dict.fromkeys(roles, False), absent, folder)


def _gathered_of_copies(
    files: Sequence[CsvFile], roles: Mapping[str, Role], missing: Collection[str], folder: Path, where: str
) -> tuple[dict[str, Gathered], list[int], list[Skipped]]:
    """Returns the same of the rows that can be read, and the others."""
    with tempfile.TemporaryDirectory(dir=folder) as copied:
        copies, skipped = without_defects(files, roles, missing, Path(copied))
        try:
            return *_gathered(copies, roles, missing, folder), skipped
        except UnreadableError as failure:
            raise ValueError(f"{where}: {failure}; accepted: rows as in RFC 4180") from failure


def _numeric_at_first(file: CsvFile, roles: Mapping[str, Role], missing: Collection[str]) -> dict[str, bool]:
    """Returns which columns hold nothing but numbers in the first rows: those are read fast."""
    cells = first_block(file)
    numeric = dict.fromkeys(roles, False)
    for name, role in roles.items():
        column = cells.get(name)
        if isinstance(column, Texts) and role in ("auto", "numeric", "integer", "target", "bits"):
            sorts = set(text_sorts(column.words, missing)[0].tolist())
            numeric[name] = bool(sorts & NUMBERS) and sorts <= NUMBERS | {Sort.BLANK, Sort.MISSING}
    return numeric


def _gather(
    files: Sequence[CsvFile],
    roles: Mapping[str, Role],
    numeric: Mapping[str, bool],
    missing: Collection[str],
    folder: Path,
) -> tuple[dict[str, Gathered], list[int]]:
    place = Path(tempfile.mkdtemp(dir=folder))
    store = ColumnStore(place)
    gathered = {name: Gathered(store, str(index), role, missing) for index, (name, role) in enumerate(roles.items())}
    rows = []
    try:
        for file in files:
            before = row_count(gathered)
            for block in read_blocks(file, numeric, missing):
                for name, cells in block.items():
                    gathered[name].add(cells)
            rows.append(row_count(gathered) - before)
        for name, column in gathered.items():
            if total(column.counts, at_fault(column.role, column.counts)):
                raise UnreadableError(f"column {name!r} has cells at fault")
    except UnreadableError:
        shutil.rmtree(place)
        raise
    return gathered, rows
