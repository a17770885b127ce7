"""A CSV file as text: whether it is, its header, and its rows with their line numbers."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pipeline.data.hints import shown
from pipeline.data.sources.files import open_bytes

_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class CsvFile:
    """A file whose text and header are in order.

    Attributes:
        path: Where it is.
        delimiter: One character.
        names: The header.
        header_lines: How many lines the header takes, with the blank ones before it.
        plain: No cell is quoted and each line ends in a line feed, so that it can be cut at any line.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]
    header_lines: int
    plain: bool


def open_csv(path: Path, delimiter: str) -> CsvFile:
    """Reads a file once, to see that it is text with a header.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is empty, damaged, not UTF-8, or its header doesn't name each column once.
    """
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ValueError(f"delimiter {delimiter!r}; accepted: one character, such as ',' or ';' or a tab")
    plain = _check_text(path)
    with open_text(path) as stream:
        names, lines = _header(stream, path, delimiter)
    if len(names) == 1:
        raise ValueError(
            f"{path}: the header has one column, {shown(names[0])}, with delimiter {delimiter!r}; "
            "accepted: two or more columns"
        )
    return CsvFile(path, delimiter, names, lines, plain)


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Opens a file, plain or gzipped, as UTF-8."""
    # Spreadsheets open their UTF-8 with a byte order mark, which mustn't become part of the first name.
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        yield text


def numbered_rows(file: CsvFile) -> Iterator[tuple[int, list[str] | str]]:
    """Yields each row after the header with the line that it begins on, counted from 1.

    In place of a row that can't be read stands the reason, as text.
    """
    with open_text(file.path) as stream:
        reader = csv.reader(stream, delimiter=file.delimiter)
        line, header = 1, True
        while True:
            row: list[str] | str | None
            try:
                row = next(reader, None)
            except csv.Error as error:
                row = str(error)
            if row is None:
                return
            if isinstance(row, str) or len(row) > 1 or "".join(row).strip():
                if not header:
                    yield line, row
                header = False
            line = reader.line_num + 1


def _check_text(path: Path) -> bool:
    """Returns whether the file can be cut at any line; raises ValueError unless it is whole UTF-8 text."""
    decoder, position, plain, last = codecs.getincrementaldecoder("utf-8")(), 0, True, b""
    with open_bytes(path) as stream:
        while block := stream.read(_CHUNK_BYTES):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                raise _not_text(path, position - held + error.start, error.object[error.start]) from error
            if (nul := block.find(b"\0")) >= 0:
                raise _not_text(path, position + nul, 0)
            plain = plain and b'"' not in block and not _lone_returns(last + block)
            last = block[-1:] if block.endswith(b"\r") else b""
            position += len(block)
    if rest := decoder.getstate()[0]:
        raise _not_text(path, position - len(rest), rest[0])
    if not position:
        raise ValueError(f"{path}: is empty; accepted: a header and rows")
    return plain and not last


def _lone_returns(block: bytes) -> int:
    return block.removesuffix(b"\r").count(b"\r") - block.count(b"\r\n") if b"\r" in block else 0


def _not_text(path: Path, position: int, byte: int) -> ValueError:
    return ValueError(f"{path}: byte 0x{byte:02x} at position {position} isn't UTF-8 text; accepted: UTF-8")


def _header(stream: TextIO, path: Path, delimiter: str) -> tuple[tuple[str, ...], int]:
    reader = csv.reader(stream, delimiter=delimiter)
    try:
        row = next((row for row in reader if "".join(row).strip()), None)
    except csv.Error as error:
        raise ValueError(f"{path}: the header can't be read ({error}); accepted: names of columns") from error
    if row is None:
        raise ValueError(f"{path}: has only blank lines; accepted: a header and rows")
    names = tuple(name.strip() for name in row)
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name:
            raise ValueError(f"{path}: column {index + 1} of {len(names)} has no name; accepted: a name in each")
        if name in first:
            raise ValueError(
                f"{path}: columns {first[name] + 1} and {index + 1} are both named {shown(name)}; "
                "accepted: a name of its own for each"
            )
        first[name] = index
    return names, reader.line_num
