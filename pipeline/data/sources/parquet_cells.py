"""A Parquet column's values as texts or numbers, by its type and what it is for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.data.tables.cells import number_sorts, text_sorts
from pipeline.data.tables.gather import SORTINGS, Cells, Texts
from pipeline.data.tables.roles import Role

_AS_NUMBERS = ("auto", "numeric", "integer", "target", "bits")


def check_types(schema: Any, asked: Mapping[str, Role], where: str) -> None:
    """Raises ValueError when a column that is read isn't of numbers, truth values, texts or dates."""
    import pyarrow.types as types  # type: ignore[import-untyped]

    for name, role in asked.items():
        kind = schema.field(name).type
        value = kind.value_type if types.is_dictionary(kind) else kind
        dates = types.is_timestamp(value) or types.is_date(value)
        if dates and role == "time":
            continue
        known = (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_floating)
        if not (types.is_decimal(value) or any(test(value) for test in known)):
            raise ValueError(
                f"{where}: column {name!r} is {kind}; accepted: numbers, truth values or texts, "
                f"or columns: {{{name}: drop}}"
            )


def as_cells(column: Any, role: Role) -> Cells:
    """Returns the values: numbers in float64, or texts where the type or the role says so."""
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    numbers = not (types.is_string(column.type) or types.is_large_string(column.type))
    if numbers and role in _AS_NUMBERS:
        if types.is_boolean(column.type):
            column = column.cast(pa.int8())
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    encoded = column.dictionary_encode(null_encoding="encode")
    return Texts([_text(value) for value in encoded.dictionary.to_pylist()], encoded.indices.to_numpy())


def sorts_of(column: Any, role: Role) -> np.ndarray:
    """Returns the sort of each value, int8."""
    cells = as_cells(column, role)
    if not isinstance(cells, Texts):
        return number_sorts(cells)
    return SORTINGS.get(role, text_sorts)(cells.words, ())[0][cells.codes]


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)
