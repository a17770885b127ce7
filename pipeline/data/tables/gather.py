"""A column gathered piece by piece, as texts and as numbers for as long as it can be either."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.tables.cells import LARGEST, Sort, Sorting, date_sorts, number_sorts, part_sorts, text_sorts
from pipeline.data.tables.roles import Role
from pipeline.data.tables.rules import MOST_WORDS, MOST_WORDS_ASKED, Counts, is_numeric
from pipeline.data.tables.store import ColumnStore, OnDisk

SORTINGS: dict[str, Sorting] = {"time": date_sorts, "part": part_sorts}
"""How the cells of a role are sorted, where not as any other text."""

_TEXT_ROLES = ("auto", "words", "categorical", "label", "classes", "group")
_NUMBER_ROLES = ("auto", "numeric", "integer", "label", "target", "bits", "time", "part")
_MOST: dict[str, float] = {"categorical": MOST_WORDS_ASKED, "group": float("inf")}


@dataclass(frozen=True, eq=False)
class Texts:
    """A piece of a column: the text of each cell is `words[code]`, without blanks around it."""

    words: Sequence[str]
    codes: np.ndarray


Cells = Texts | np.ndarray
"""Texts, or numbers in float64, NaN where one is missing."""


class Gathered:
    """A column of one role; the order of its pieces counts, how it was cut into them doesn't.

    Attributes:
        role: What the column is for.
        counts: How many cells of each sort there have been.
        words: The code of each text; None for a column of numbers, or when there are too many.
    """

    def __init__(self, store: ColumnStore, key: str, role: Role, missing: Collection[str]) -> None:
        """Gathers into a store, under names that begin with `key`."""
        self.role: Role = role
        self.counts: Counts = np.zeros(len(Sort), np.int64)
        self.words: dict[str, int] | None = {} if role in _TEXT_ROLES else None
        self._numbers = role in _NUMBER_ROLES
        self._most = _MOST.get(role, MOST_WORDS)
        self._sorting = SORTINGS.get(role, text_sorts)
        self._missing = missing
        self._store = store
        self._codes_key, self._values_key = f"{key}_codes", f"{key}_values"
        # Seconds since 1970 are not exact in float32.
        self._dtype = np.float64 if role == "time" else np.float32

    def add(self, cells: Cells) -> None:
        """Adds a piece at the column's end."""
        if isinstance(cells, Texts):
            self._add_texts(cells.words, cells.codes)
        else:
            self._add_numbers(cells)

    def _add_texts(self, texts: Sequence[str], codes: np.ndarray) -> None:
        sorts, values = self._sorting(texts, self._missing)
        uses = np.bincount(codes, minlength=len(texts))
        self.counts += np.bincount(sorts, weights=uses, minlength=len(Sort)).astype(np.int64)
        if self.words is not None:
            self._add_codes(texts, sorts, codes)
        # A word ends a column of numbers, but not where numbers were asked for: it is then at fault.
        if self._numbers and self.role == "auto" and self.counts[Sort.WORD]:
            self._numbers = False
            self._store.drop(self._values_key)
        if self._numbers:
            with np.errstate(over="ignore"):
                self._store.append(self._values_key, values.astype(self._dtype)[codes])

    def _add_numbers(self, values: np.ndarray) -> None:
        self._end_words()
        absent = np.isnan(values)
        if self.role in ("integer", "bits") or not (absent | (np.abs(values) <= LARGEST)).all():
            self.counts += np.bincount(number_sorts(values), minlength=len(Sort))
        else:
            self.counts[Sort.MISSING] += absent.sum()
            self.counts[Sort.FRACTION] += len(values) - absent.sum()
        with np.errstate(over="ignore"):
            self._store.append(self._values_key, values.astype(self._dtype))

    def is_numeric(self) -> bool:
        """Returns whether the column is one of numbers."""
        return is_numeric(self.role, self.counts)

    def values(self) -> OnDisk:
        """Returns a column of numbers: float32 (float64 for times), NaN where one is missing."""
        return self._store.column(self._values_key)

    def codes(self) -> OnDisk:
        """Returns a column of texts: int32, indices into `words`, -1 where one is missing."""
        return self._store.column(self._codes_key)

    def _add_codes(self, texts: Sequence[str], sorts: np.ndarray, codes: np.ndarray) -> None:
        assert self.words is not None
        labels = self.role in ("label", "classes")
        places = np.full(len(texts), -1, np.int32)
        for index, (text, sort) in enumerate(zip(texts, sorts.tolist(), strict=True)):
            if sort != Sort.BLANK and (labels or sort != Sort.MISSING):
                places[index] = self.words.setdefault(text, len(self.words))
        if len(self.words) > self._most:
            self._end_words()
        else:
            self._store.append(self._codes_key, places[codes])

    def _end_words(self) -> None:
        if self.words is not None:
            self.words = None
            self._store.drop(self._codes_key)


def row_count(gathered: Mapping[str, Gathered]) -> int:
    """Returns how many rows there are so far."""
    return int(next(iter(gathered.values())).counts.sum())
