"""What a column's training rows say: its vocabulary, what fills its gaps, its mean and variance."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.examples import TableColumn
from pipeline.data.tables.cells import LARGEST

Impute = Literal["mean", "median"]

_BLOCK_ROWS = 2**18


def describe(column: TableColumn, train: np.ndarray, impute: Impute) -> Column:
    """Returns the column's description, of its training rows only; the mean and variance are with the gaps filled.

    Args:
        column: As it was found.
        train: Bool, which rows are of the training part.
        impute: What fills the gaps of a numeric column; a median takes 4 bytes of memory for each row.

    Raises:
        ValueError: When the training part has no value of it, or its spread doesn't fit into float32.
    """
    blocks = _blocks(column, train)
    return _numeric(column.name, blocks, impute) if column.kind == "numeric" else _categorical(column, blocks)


def encode(column: TableColumn, described: Column, start: int, stop: int) -> np.ndarray:
    """Returns some rows as they are stored: float32, the gaps filled, texts as their codes."""
    values = column.values.read(start, stop)
    if described.kind == "numeric":
        return np.where(np.isnan(values), np.float32(described.fill), values)
    return _codes(column, described)[values]


def _codes(column: TableColumn, described: Column) -> np.ndarray:
    place = {word: 1 + index for index, word in enumerate(described.vocabulary)}
    # The last one, which index -1 finds, stands for a missing text.
    return np.array([*(place.get(word, 0) for word in column.words), described.fill], np.float32)


Blocks = Callable[[], Iterator[np.ndarray]]


def _blocks(column: TableColumn, train: np.ndarray) -> Blocks:
    def read() -> Iterator[np.ndarray]:
        for start in range(0, len(train), _BLOCK_ROWS):
            stop = start + _BLOCK_ROWS
            yield column.values.read(start, stop)[train[start:stop]]

    return read


def _numeric(name: str, blocks: Blocks, impute: Impute) -> Column:
    count, missing, sum_, low, high = 0, 0, 0.0, np.inf, -np.inf
    for block in blocks():
        present = block[~np.isnan(block)].astype(np.float64)
        count, missing = count + len(present), missing + len(block) - len(present)
        sum_ += float(present.sum())
        low, high = min(low, present.min(initial=np.inf)), max(high, present.max(initial=-np.inf))
    if not count:
        raise _nothing(name)
    if low == high:
        return Column(name, "numeric", fill=float(low), mean=float(low), variance=1.0)
    if impute == "median":
        fill = float(np.float32(np.nanmedian(np.concatenate(list(blocks())))))
    else:
        fill = float(np.float32(sum_ / count))
    mean = (sum_ + missing * fill) / (count + missing)
    squares = missing * (fill - mean) ** 2
    for block in blocks():
        present = block[~np.isnan(block)].astype(np.float64)
        squares += float(np.square(present - mean).sum())
    variance = squares / (count + missing)
    if variance > LARGEST:
        raise ValueError(
            f"column {name!r}: a variance of {variance:.4g} is too large for float32; "
            f"accepted: up to {LARGEST:.4g}, as of numbers up to about 1e19"
        )
    return Column(name, "numeric", fill=fill, mean=mean, variance=variance)


def _categorical(column: TableColumn, blocks: Blocks) -> Column:
    counts = np.zeros(len(column.words), np.int64)
    for block in blocks():
        counts += np.bincount(block[block >= 0], minlength=len(column.words))
    used = sorted((column.words[index], int(counts[index])) for index in np.flatnonzero(counts))
    if not used:
        raise _nothing(column.name)
    # Of several most frequent texts, the first in the vocabulary.
    fill = 1 + max(range(len(used)), key=lambda index: (used[index][1], -index))
    return Column(column.name, "categorical", tuple(word for word, _ in used), fill=float(fill))


def _nothing(name: str) -> ValueError:
    return ValueError(f"column {name!r} has no value in the training part; accepted: columns: {{{name}: drop}}")
