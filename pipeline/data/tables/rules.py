"""How a column is read as a whole, from how many cells of each sort it has, and which cells are then at fault."""

from collections.abc import Mapping

import numpy as np

from pipeline.data.tables.cells import LARGEST, LONGEST, NUMBERS, Sort
from pipeline.data.tables.roles import Role

MOST_WORDS = 1000
"""Distinct texts of a column that is taken for categorical unasked."""
MOST_WORDS_ASKED = 100_000
"""The same where the user says that it is categorical."""

_ABSENT = frozenset({Sort.BLANK, Sort.MISSING})
_UNFIT = frozenset({Sort.INFINITE, Sort.LARGE})
_TEXTS = frozenset({Sort.WORD, Sort.TRUTH})

Counts = np.ndarray
"""Int64, how many cells of each sort there are."""


def total(counts: Counts, sorts: frozenset[Sort]) -> int:
    """Returns how many cells are of these sorts."""
    return int(sum(counts[sort] for sort in sorts))


def is_mixed(counts: Counts) -> bool:
    """Returns whether words stand between numbers that are as many or more."""
    return 0 < total(counts, _TEXTS) <= total(counts, NUMBERS)


def is_numeric(role: Role, counts: Counts) -> bool:
    """Returns whether a column is one of numbers: as it was asked for, or as its cells say."""
    if role in ("numeric", "integer", "target", "bits", "time"):
        return True
    if role == "auto":
        return not counts[Sort.WORD] or is_mixed(counts)
    return (
        role == "label"
        and total(counts, _UNFIT | {Sort.FRACTION}) > 0
        and (not total(counts, _TEXTS) or is_mixed(counts))
    )


def at_fault(role: Role, counts: Counts) -> frozenset[Sort]:
    """Returns the sorts of cells that can't be in such a column."""
    if role in ("words", "categorical"):
        return frozenset()
    if role == "group":
        return _ABSENT
    if role == "part":
        return frozenset(Sort) - {Sort.PART}
    if role == "time":
        dates, numbers = int(counts[Sort.DATE]), total(counts, NUMBERS)
        return _ABSENT | _TEXTS | {Sort.INFINITE} | (NUMBERS if dates >= numbers else {Sort.DATE})
    if role == "bits":
        return frozenset(Sort) - {Sort.BIT, Sort.TRUTH}
    if not is_numeric(role, counts):
        # Among texts, NA may be the name of a class; among numbers it is a number that is missing.
        absent = _ABSENT if total(counts, NUMBERS) and not total(counts, _TEXTS) else frozenset({Sort.BLANK})
        return frozenset() if role == "auto" else absent
    faults = _UNFIT | {Sort.WORD}
    if total(counts, NUMBERS):
        faults |= {Sort.TRUTH}
    if role in ("label", "target"):
        faults |= _ABSENT | _TEXTS
    if role == "integer":
        faults |= {Sort.FRACTION, Sort.LONG}
    return faults


def why(role: Role, sort: Sort, counts: Counts, name: str) -> tuple[str, str]:
    """Returns what is wrong with a cell of a sort that is at fault, and what would be accepted."""
    if sort in _ABSENT:
        noun = role if role in ("group", "time", "part") else "target" if is_numeric(role, counts) else "label"
        return f"missing {noun}", f"a {noun} in each row"
    if role == "part":
        return "not a part's name", "train, validation or test"
    if role == "bits":
        return "neither 0 nor 1", "0 or 1 in each label column"
    if role == "time":
        if sort in (Sort.WORD, Sort.TRUTH, Sort.INFINITE):
            return "not a time", "numbers, or dates as in ISO 8601"
        return "a number among dates" if sort != Sort.DATE else "a date among numbers", "all numbers, or all dates"
    return _why_number(role, sort, counts, name)


def _why_number(role: Role, sort: Sort, counts: Counts, name: str) -> tuple[str, str]:
    ways = f"numbers, texts listed as missing, or columns: {{{name}: categorical}}"
    reasons: Mapping[Sort, tuple[str, str]] = {
        Sort.INFINITE: ("infinite value", "finite numbers"),
        Sort.LARGE: ("too large for float32", f"numbers up to {LARGEST:.4g}"),
        Sort.LONG: ("not exact in float32", f"whole numbers up to {LONGEST}, or type numeric"),
        Sort.FRACTION: ("not a whole number", "whole numbers, or type numeric"),
        Sort.TRUTH: ("a truth value among numbers", "a column all of numbers, or all of true and false"),
        Sort.WORD: ("not a number", "a number in each row" if role in ("label", "target") else "numbers"),
    }
    if sort == Sort.WORD and role == "auto":
        return f"not a number in a mixed column of {total(counts, NUMBERS)} numbers", ways
    return reasons[sort]
