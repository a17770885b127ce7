"""Parquet files, read by block into columns in files, in bounded memory."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.data.examples import Placement, Skipped, Table
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.given_files import given_files
from pipeline.data.sources.parquet_cells import as_cells, check_types, sorts_of
from pipeline.data.sources.parts import placement
from pipeline.data.tables.assemble import assemble
from pipeline.data.tables.cells import Sort
from pipeline.data.tables.gather import Gathered, row_count
from pipeline.data.tables.roles import Role, TaskChoice, assign_roles
from pipeline.data.tables.rules import Counts, at_fault, total, why
from pipeline.data.tables.store import ColumnStore

_BATCH_CELLS = 2**19

ON_ERROR = ("raise", "skip")


def load_parquet(
    path: Path | Sequence[Path] | Mapping[str, Path],
    *,
    scratch: Path,
    label: str | Sequence[str],
    task: TaskChoice = "auto",
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    part: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Table:
    """Reads a table as `load_csv` does, with the same arguments; null and NaN are missing values.

    Columns of numbers and truth values are numeric, those of texts categorical unless `columns` says otherwise.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the files can't be read as such a table, naming the first offending row, counted from 1.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error {on_error!r} is unknown; {accepted(ON_ERROR)}{did_you_mean(on_error, ON_ERROR)}")
    paths, parts = given_files(path, part)
    schema = _schema(paths)
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    roles = assign_roles(
        schema.names, where, label=label, task=task, columns=columns, group=group, time=time, part=part
    )
    asked = {name: _role(schema, name, role) for name, role in roles.of.items()}
    check_types(schema, asked, where)
    gathered, rows = _gathered(paths, asked, scratch, {})
    faults = {name: at_fault(each.role, each.counts) for name, each in gathered.items()}
    skipped: list[Skipped] = []
    if any(total(gathered[name].counts, sorts) for name, sorts in faults.items()):
        bad: dict[int, np.ndarray] = {}
        counts = {name: each.counts for name, each in gathered.items()}
        for index, file, row, told, count in _defects(paths, asked, faults, counts):
            if on_error == "raise":
                raise ValueError(f"{file}: row {row + 1}, {told[0]} ({count} in all); accepted: {told[1]}")
            bad.setdefault(index, np.zeros(rows[index], bool))[row] = True
            skipped.append(Skipped(f"{file} row {row + 1}", f"{told[0]}; accepted: {told[1]}"))
        gathered, rows = _gathered(paths, asked, scratch, bad)
    for file, count in zip(paths, rows, strict=True):
        if not count:
            left = f" that can be read ({len(skipped)} were skipped)" if skipped else ""
            raise ValueError(f"{file}: has no rows{left}; accepted: one or more")
    placed = placement(dict(zip(parts, rows, strict=True))) if parts else Placement()
    return assemble(roles, gathered, where, placement=placed, skipped=skipped)


def _role(schema: Any, name: str, role: Role) -> Role:
    import pyarrow as pa  # type: ignore[import-untyped]

    texts = pa.types.is_string(schema.field(name).type) or pa.types.is_dictionary(schema.field(name).type)
    # A text that looks like a number is one in a CSV file; here its type says that it isn't.
    return "words" if role == "auto" and texts else role


def _open(file: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    if file.is_dir():
        raise ValueError(f"{file}: is a folder; accepted: a file")
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        return parquet.ParquetFile(file, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())
    return ValueError(f"{file}: isn't a whole Parquet file ({reason}); accepted: Parquet")


def _schema(paths: Sequence[Path]) -> Any:
    first = None
    for file in paths:
        with _open(file) as opened:
            schema = opened.schema_arrow
        for name in schema.names:
            if schema.names.count(name) > 1:
                raise ValueError(f"{file}: two columns are named {name!r}; accepted: a name of its own for each")
        first = first or schema
        if schema.names != first.names:
            odd = next(iter(set(schema.names) ^ set(first.names)), schema.names[0])
            raise ValueError(f"{file}: columns differ from those of {paths[0]} ({odd!r}); accepted: the same, in order")
        for field, wanted in zip(schema, first, strict=True):
            if field.type != wanted.type:
                raise ValueError(
                    f"{file}: column {field.name!r} is {field.type}; accepted: {wanted.type}, as in {paths[0]}"
                )
    return first


def _batches(file: Path, asked: Mapping[str, Role]) -> Iterator[Any]:
    import pyarrow as pa

    with _open(file) as opened:
        try:
            yield from opened.iter_batches(max(1, _BATCH_CELLS // len(asked)), columns=list(asked), use_threads=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(file, error) from error


def _gathered(
    paths: Sequence[Path], asked: Mapping[str, Role], scratch: Path, bad: Mapping[int, np.ndarray]
) -> tuple[dict[str, Gathered], list[int]]:
    """Returns the columns without the bad rows of each file, and how many rows each file then has."""
    store = ColumnStore(Path(tempfile.mkdtemp(prefix="table_", dir=scratch)))
    gathered = {name: Gathered(store, str(index), role, ()) for index, (name, role) in enumerate(asked.items())}
    rows = []
    for index, file in enumerate(paths):
        before, start = row_count(gathered), 0
        for batch in _batches(file, asked):
            stop = start + batch.num_rows
            if index in bad:
                batch = batch.filter(~bad[index][start:stop])
            for name, role in asked.items():
                gathered[name].add(as_cells(batch.column(name), role))
            start = stop
        rows.append(row_count(gathered) - before)
    return gathered, rows


def _defects(
    paths: Sequence[Path],
    asked: Mapping[str, Role],
    faults: Mapping[str, frozenset[Sort]],
    counts: Mapping[str, Counts],
) -> Iterator[tuple[int, Path, int, tuple[str, str], int]]:
    """Yields each bad row: its file's index, its file, its place, what is wrong and right, and how many alike."""
    for index, file in enumerate(paths):
        start = 0
        for batch in _batches(file, asked):
            sorts = {name: sorts_of(batch.column(name), role) for name, role in asked.items()}
            wrong = {name: np.isin(each, [int(sort) for sort in faults[name]]) for name, each in sorts.items()}
            for row in np.flatnonzero(np.any(list(wrong.values()), axis=0)):
                name = next(name for name in asked if wrong[name][row])
                sort = Sort(sorts[name][row])
                reason, right = why(asked[name], sort, counts[name], name)
                yield index, file, start + int(row), (f"column {name!r}: {reason}", right), int(counts[name][sort])
            start += batch.num_rows
