"""The front of an exported table model: raw columns in, as the world has them, the model's matrix out."""

import hashlib
import keyword
import re
from collections.abc import Sequence
from typing import Protocol

from pipeline.keras import tf

TAKEN = ("self", "args", "kwargs")
"""Names that a loaded signature's own call has."""


class ColumnLike(Protocol):
    """What serving needs to know about a column."""

    @property
    def name(self) -> str:
        """Returns its name, any text."""

    @property
    def kind(self) -> str:
        """Returns "numeric" or "categorical"."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """Returns the texts of a categorical column, whose codes count from 1; 0 is any other text."""

    @property
    def fill(self) -> float:
        """Returns the number or code that stands for a missing value."""


def argument_name(name: str) -> str:
    """Returns a valid Python identifier in ASCII for a column's name.

    A name that is valid stays. Else what an identifier can't hold becomes an underscore; a name that starts with no
    letter gets "column_" in front, and a keyword an underscore behind.
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    plain = plain if plain[:1].isalpha() else f"column_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) or plain in TAKEN else plain


def argument_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns an identifier for each column's name, as `argument_name` makes it, and unique.

    One that is taken gets the first number from 2 that makes it unique; of two that become the same, the one that is
    valid as it is stays. Two that differ in case alone are not unique to TensorFlow.
    """
    made: list[str] = []
    taken: set[str] = set()
    valid = {name.lower(): name for name in reversed(names) if argument_name(name) == name}
    for name in names:
        plain = argument_name(name)
        unique, number = plain, 2
        while unique.lower() in taken or valid.get(unique.lower(), name) != name:
            unique, number = f"{plain}_{number}", number + 1
        taken.add(unique.lower())
        made.append(unique)
    return tuple(made)


def argument_specs(columns: Sequence[ColumnLike]) -> list[tf.TensorSpec]:
    """Returns what a served model takes for each column: float32 or string, of shape (n,)."""
    names = argument_names([column.name for column in columns])
    types = [tf.float32 if column.kind == "numeric" else tf.string for column in columns]
    return [tf.TensorSpec([None], dtype, name) for name, dtype in zip(names, types, strict=True)]


class Encoder(tf.Module):
    """Turns raw columns into the matrix that a model takes; its vocabularies are constants of the graph.

    Args:
        columns: In the order of the matrix.
    """

    def __init__(self, columns: Sequence[ColumnLike]) -> None:
        super().__init__(name="encoder")
        self.fills = [float(column.fill) for column in columns]
        self.numeric = [column.kind == "numeric" for column in columns]
        self.tables = [_table(column.vocabulary) if column.vocabulary else None for column in columns]

    def __call__(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the float32 matrix of shape (n, columns).

        Args:
            values: Float32 numbers, NaN where one is missing, or texts, empty where one is missing; each of shape (n,).
        """
        encoded = []
        for value, numeric, table, fill in zip(values, self.numeric, self.tables, self.fills, strict=True):
            if numeric:
                encoded.append(tf.where(tf.math.is_nan(value), fill, value))
                continue
            codes = tf.cast(table.lookup(value), tf.float32) if table else tf.zeros_like(value, tf.float32)
            # A vocabulary may hold the empty text as one of its own.
            encoded.append(tf.where((value == "") & (codes == 0), fill, codes))
        return tf.stack(encoded, axis=1)


class _Vocabulary(tf.lookup.KeyValueTensorInitializer):
    """A vocabulary under names that depend on its texts alone.

    TensorFlow's own hold a counter, which is another in each process. Were the table's name a constant instead, two
    models loaded into one process would share the first one's table.
    """

    def __init__(self, words: Sequence[str]) -> None:
        encoded = [word.encode() for word in words]
        sizes = b" ".join(b"%d" % len(word) for word in encoded)
        self._digest = hashlib.sha256(sizes + b"".join(encoded)).hexdigest()
        codes = tf.range(1, len(words) + 1, dtype=tf.int64)
        super().__init__(tf.constant(encoded, tf.string), codes)
        self._name = "vocabulary"

    @property
    def _shared_name(self) -> str:
        return f"vocabulary_{self._digest}"


def _table(words: Sequence[str]) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(_Vocabulary(words), default_value=0, name="vocabulary")
