"""A CSV file's columns, block by block: cut at line ends and parsed by several threads, in the file's order."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from pipeline.data.sources.csv_text import CsvFile
from pipeline.data.sources.files import open_bytes
from pipeline.data.tables.gather import Cells, Texts

_BLOCK_BYTES = 2**21
_THREADS = 2
_MOST_CHARACTERS = 2**17
"""Of a cell; the same as the csv module's, which explains what is wrong with a file."""


class UnreadableError(Exception):
    """A block isn't as it was taken to be; says no more than the fast reader knows."""


def first_block(file: CsvFile) -> dict[str, Cells]:
    """Returns every column of the first block, as texts."""
    return next(read_blocks(file, dict.fromkeys(file.names, False), ()), {})


def read_blocks(file: CsvFile, numeric: Mapping[str, bool], missing: Collection[str]) -> Iterator[dict[str, Cells]]:
    """Yields the columns of each block of rows.

    Args:
        file: The file.
        numeric: The columns to read, and whether each is all of numbers.
        missing: What stands in a column of numbers where there is none.

    Raises:
        UnreadableError: When a row has another length than the header, or a number isn't one.
    """
    import pyarrow as pa  # type: ignore[import-untyped]

    options = _options(file, numeric, missing)
    try:
        yield from (_parallel if file.plain else _streamed)(file, options, numeric)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise UnreadableError(" ".join(str(error).split())) from error


def _streamed(file: CsvFile, options: dict[str, Any], numeric: Mapping[str, bool]) -> Iterator[dict[str, Cells]]:
    import pyarrow as pa
    from pyarrow import csv

    read = csv.ReadOptions(column_names=file.names, block_size=_BLOCK_BYTES, skip_rows=file.header_lines)
    with open_bytes(file.path) as stream:
        try:
            reader = csv.open_csv(pa.PythonFile(stream, mode="r"), read_options=read, **options)
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise
        for batch in reader:
            yield _cells(pa.Table.from_batches([batch]), numeric)


def _options(file: CsvFile, numeric: Mapping[str, bool], missing: Collection[str]) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.float64() if is_number else _texts() for name, is_number in numeric.items()}
    return {
        "parse_options": csv.ParseOptions(
            delimiter=file.delimiter,
            newlines_in_values=not file.plain,
            invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
        ),
        "convert_options": csv.ConvertOptions(
            check_utf8=False,
            column_types=types,
            include_columns=list(numeric),
            null_values=["", *missing],
            strings_can_be_null=False,
        ),
    }


def _texts() -> Any:
    import pyarrow as pa

    return pa.dictionary(pa.int32(), pa.string())


def _parallel(file: CsvFile, options: dict[str, Any], numeric: Mapping[str, bool]) -> Iterator[dict[str, Cells]]:
    waiting: deque[Future[dict[str, Cells]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for block in _lines(file):
                waiting.append(pool.submit(_parse, block, file.names, options, numeric))
                if len(waiting) > _THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _lines(file: CsvFile) -> Iterator[bytes]:
    """Yields blocks of whole lines after the header."""
    with open_bytes(file.path) as stream:
        for _ in range(file.header_lines):
            stream.readline()
        rest: list[bytes] = []
        while block := stream.read(_BLOCK_BYTES):
            end = block.rfind(b"\n") + 1
            if end:
                yield b"".join((*rest, block[:end]))
                rest = []
            rest.append(block[end:])
        if last := b"".join(rest):
            yield last


def _parse(
    block: bytes, names: Sequence[str], options: dict[str, Any], numeric: Mapping[str, bool]
) -> dict[str, Cells]:
    import pyarrow as pa
    from pyarrow import csv

    if not block.strip():
        return {}
    read = csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False)
    return _cells(csv.read_csv(pa.BufferReader(block), read_options=read, **options), numeric)


def _cells(table: Any, numeric: Mapping[str, bool]) -> dict[str, Cells]:
    import pyarrow as pa

    cells: dict[str, Cells] = {}
    for (name, is_number), column in zip(numeric.items(), table.columns, strict=True):
        if is_number:
            values = column.to_numpy().astype(np.float64)
            if np.isnan(values).sum() != column.null_count:
                raise UnreadableError(f"column {name!r} has a number that is none")
            cells[name] = values
            continue
        column = column.unify_dictionaries().combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], _texts())
        words = [word.strip() for word in column.dictionary.to_pylist()]
        if max(map(len, words), default=0) > _MOST_CHARACTERS:
            raise UnreadableError(f"column {name!r} has a cell of more than {_MOST_CHARACTERS} characters")
        cells[name] = Texts(words, column.indices.to_numpy())
    return cells
