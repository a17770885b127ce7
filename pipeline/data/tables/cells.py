"""What a cell of a table is, from its text or its number."""

import math
from collections.abc import Callable, Collection, Sequence
from enum import IntEnum

import numpy as np

from pipeline.data.dataset import PARTS

LARGEST = float(np.finfo(np.float32).max)
LONGEST = 2**24
"""The whole numbers up to here are exact in float32."""

_TRUTHS = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}


class Sort(IntEnum):
    """The sorts of cells."""

    BLANK = 0
    MISSING = 1
    TRUTH = 2
    WORD = 3
    DATE = 4
    PART = 5
    BIT = 6
    WHOLE = 7
    LONG = 8
    FRACTION = 9
    INFINITE = 10
    LARGE = 11


NUMBERS = frozenset({Sort.BIT, Sort.WHOLE, Sort.LONG, Sort.FRACTION, Sort.INFINITE, Sort.LARGE})


def number_sorts(values: np.ndarray) -> np.ndarray:
    """Returns the sort of each number, int8; NaN counts as missing."""
    sizes = np.abs(values)
    whole = values == np.floor(values)
    sorts = np.full(len(values), Sort.FRACTION, np.int8)
    sorts[whole] = Sort.WHOLE
    sorts[whole & (sizes > LONGEST)] = Sort.LONG
    sorts[(values == 0) | (values == 1)] = Sort.BIT
    sorts[sizes > LARGEST] = Sort.LARGE
    sorts[np.isinf(values)] = Sort.INFINITE
    sorts[np.isnan(values)] = Sort.MISSING
    return sorts


def text_sorts(texts: Sequence[str], missing: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sort of each text, int8, and its number, float64: NaN where it is none, 1 and 0 for true and false.

    Args:
        texts: Without blanks around them.
        missing: The texts that stand for nothing; the empty one always does.
    """
    present = [index for index, text in enumerate(texts) if text and text not in missing]
    values = np.full(len(texts), np.nan)
    found = _parsed([texts[index] for index in present])
    if np.isfinite(found).all():
        values[present] = found
        sorts = number_sorts(values)
        sorts[[index for index, text in enumerate(texts) if not text]] = Sort.BLANK
        return sorts, values
    sorts = np.array([text_sort(text, missing) for text in texts], np.int8)
    values[present] = found
    for index in np.flatnonzero(sorts == Sort.TRUTH):
        values[index] = _TRUTHS[texts[index]]
    return sorts, values


def text_sort(text: str, missing: Collection[str]) -> Sort:
    """Returns the sort of one text, as `text_sorts` does."""
    if not text or text in missing:
        return Sort.MISSING if text else Sort.BLANK
    if text in _TRUTHS:
        return Sort.TRUTH
    number = _number(text)
    if number != number:
        return Sort.WORD
    if abs(number) > LARGEST:
        return Sort.INFINITE if "inf" in text.lower() else Sort.LARGE
    if number in (0, 1):
        return Sort.BIT
    if number % 1:
        return Sort.FRACTION
    return Sort.LONG if abs(number) > LONGEST else Sort.WHOLE


def date_sorts(texts: Sequence[str], missing: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the same with each ISO 8601 date as seconds since 1970, UTC where it names no zone."""
    import pandas as pd

    sorts, values = text_sorts(texts, missing)
    words = np.flatnonzero(sorts == Sort.WORD)
    if len(words):
        dates = pd.to_datetime(pd.Series([texts[i] for i in words]), errors="coerce", utc=True, format="ISO8601")
        known = words[dates.notna().to_numpy()]
        elapsed = dates.dropna() - pd.Timestamp(0, tz="UTC")
        sorts[known] = Sort.DATE
        values[known] = elapsed.dt.total_seconds().to_numpy()
    return sorts, values


def part_sorts(texts: Sequence[str], missing: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the same with a part's name as its index."""
    sorts, values = text_sorts(texts, missing)
    for index, text in enumerate(texts):
        if text in PARTS:
            sorts[index], values[index] = Sort.PART, PARTS.index(text)
    return sorts, values


Sorting = Callable[[Sequence[str], Collection[str]], tuple[np.ndarray, np.ndarray]]


def _parsed(texts: list[str]) -> np.ndarray:
    import pyarrow as pa  # type: ignore[import-untyped]

    try:
        return pa.array(texts, pa.string()).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return np.array([_number(text) for text in texts], np.float64)


def _number(text: str) -> float:
    # Python takes 1_000 and other alphabets' digits for numbers, the fast reader doesn't.
    if not text.isascii() or "_" in text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan
