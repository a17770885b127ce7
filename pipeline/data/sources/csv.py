"""Any CSV file, plain or gzipped, with a header, a label column and numbers in every other column."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from pipeline.data.examples import Examples
from pipeline.data.hints import accepted, did_you_mean, shown
from pipeline.data.sources.csv_diagnosis import explain
from pipeline.data.sources.csv_labels import encode
from pipeline.data.sources.files import open_bytes

_CHUNK_CELLS = 2**22
_CHUNK_BYTES = 2**20


def load_csv(path: Path, label: str, delimiter: str = ",") -> Examples:
    """Reads a table: float32 features of shape (n, columns) and its label column as class indices.

    Blank lines are skipped, and blanks around names and labels dropped; a column of true and false is one of 1 and 0.

    Args:
        path: UTF-8 text with a header; a name in .gz is read through gzip.
        label: The label column's name.
        delimiter: One character.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file can't be read as such a table, naming the first offending line.
    """
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ValueError(f"delimiter {delimiter!r}; accepted: one character, such as ',' or ';' or a tab")
    _check_text(path)
    with _open_text(path) as stream:
        names = _header(stream, path, delimiter)
        column = _label_column(names, label, path, delimiter)
        try:
            features, labels = _body(stream, len(names), column, delimiter)
        except ValueError as error:
            failure = error
        else:
            indices, class_names = encode(labels, f"{path}: column {label!r}")
            return Examples(features, indices, class_names, (*names[:column], *names[column + 1 :]), "table", 1.0, None)
    with _open_text(path) as stream:
        raise ValueError(f"{path}: {explain(stream, names, column, delimiter, failure)}") from failure


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    # Spreadsheets open their UTF-8 with a byte order mark, which mustn't become part of the first name.
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        yield text


def _check_text(path: Path) -> None:
    """Raises ValueError on an empty file, a damaged one or one that isn't UTF-8 text."""
    decoder, position = codecs.getincrementaldecoder("utf-8")(), 0
    with open_bytes(path) as stream:
        while block := stream.read(_CHUNK_BYTES):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                raise _not_text(path, position - held + error.start, error.object[error.start]) from error
            if (nul := block.find(b"\0")) >= 0:
                raise _not_text(path, position + nul, 0)
            position += len(block)
    if rest := decoder.getstate()[0]:
        raise _not_text(path, position - len(rest), rest[0])
    if not position:
        raise ValueError(f"{path}: is empty; accepted: a header and rows")


def _not_text(path: Path, position: int, byte: int) -> ValueError:
    return ValueError(f"{path}: byte 0x{byte:02x} at position {position} isn't UTF-8 text; accepted: UTF-8")


def _header(stream: TextIO, path: Path, delimiter: str) -> tuple[str, ...]:
    try:
        row = next((row for row in csv.reader(stream, delimiter=delimiter) if "".join(row).strip()), None)
    except csv.Error as error:
        raise ValueError(f"{path}: the header can't be read ({error})") from error
    if row is None:
        raise ValueError(f"{path}: has only blank lines; accepted: a header and rows")
    names = tuple(name.strip() for name in row)
    for index, name in enumerate(names):
        if not name:
            raise ValueError(f"{path}: column {index + 1} of {len(names)} has no name; accepted: a name in each")
        if name in names[:index]:
            raise ValueError(f"{path}: columns {names.index(name) + 1} and {index + 1} are both named {shown(name)}")
    return names


def _label_column(names: tuple[str, ...], label: str, path: Path, delimiter: str) -> int:
    if len(names) == 1:
        raise ValueError(f"{path}: the header has one column, {shown(names[0])}, with delimiter {delimiter!r}")
    if label not in names:
        raise ValueError(f"{path}: no label column {label!r}; {accepted(names)}{did_you_mean(label, names)}")
    return names.index(label)


def _body(stream: TextIO, columns: int, label: int, delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features, float32, and the labels' text; raises ValueError on any defect, but ill described."""
    import pandas as pd

    features, labels = [], []
    chunks = pd.read_csv(
        stream,
        sep=delimiter,
        header=None,
        index_col=False,
        na_filter=False,
        dtype={index: "str" if index == label else "float64" for index in range(columns)},
        chunksize=max(1, _CHUNK_CELLS // columns),
    )
    for chunk in chunks:
        if chunk.shape[1] != columns:
            raise ValueError("rows are longer than the header")
        text = chunk[label].str.strip().to_numpy(dtype=object)
        values = chunk.drop(columns=label).to_numpy(dtype=np.float64)
        if not (np.abs(values) <= np.finfo(np.float32).max).all():
            raise ValueError("a number isn't a finite float32")
        if not text.all():
            raise ValueError("a label is missing")
        features.append(values.astype(np.float32, order="C"))
        labels.append(text)
    return np.concatenate(features), np.concatenate(labels)
