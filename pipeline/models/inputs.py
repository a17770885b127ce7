"""The front of every model: raw features in, scaled and encoded features on, so that a served model takes raw data."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

from pipeline.keras import keras, tf

EMBEDDING = 8
"""The widest vector that stands for a category; with no more categories than this, as expressive as one-hot."""


class ColumnLike(Protocol):
    """What the front needs to know about a column."""

    @property
    def kind(self) -> str:
        """Returns "numeric" or "categorical"."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """Returns the texts of a categorical column, whose codes count from 1; 0 is any other text."""

    @property
    def mean(self) -> float:
        """Returns the mean of a numeric column."""

    @property
    def variance(self) -> float:
        """Returns the variance of a numeric column, above 0."""


def image_input(feature_shape: Sequence[int], *, scale: float = 1.0) -> tuple[Any, Any]:
    """Returns a model's input and its scaled form.

    Args:
        feature_shape: Shape of one example, without the batch.
        scale: What the features are divided by.
    """
    features = keras.Input(tuple(feature_shape), name="features", dtype=tf.float32)
    return features, keras.layers.Rescaling(1.0 / scale, name="scaling")(features)


def table_input(columns: Sequence[ColumnLike]) -> tuple[Any, Any]:
    """Returns a model's input, one float32 matrix of a column each, and its encoded form.

    Numeric columns hold raw numbers, which are normalized to mean 0 and variance 1. Categorical ones hold codes, each
    of which becomes a trained vector (entity embedding, Guo and Berkhahn, arXiv:1604.06737). That of code 0, which no
    training example has, starts at 0 and stays there. Keras's own one-hot layer counts with operations that TFLite
    does not have; an embedding is a GATHER.

    Args:
        columns: In the order of the matrix.

    Raises:
        ValueError: If there is no column, or a kind is unknown.
    """
    if not columns:
        raise ValueError("a table without columns; accepted: 1 or more")
    for column in columns:
        if column.kind not in ("numeric", "categorical"):
            raise ValueError(f"a column of kind {column.kind!r}; accepted: numeric, categorical")
    features = keras.Input((len(columns),), name="features", dtype=tf.float32)
    numeric = [column for column in columns if column.kind == "numeric"]
    if len(numeric) == len(columns):
        return features, _normalized(features, numeric)
    cells = keras.layers.Reshape((len(columns), 1), name="cells")(features)
    parts = [_normalized(_numbers(cells, columns), numeric)] if numeric else []
    for place, column in enumerate(columns):
        if column.kind == "categorical":
            parts.append(_embedded(cells, place, len(columns), len(column.vocabulary)))
    return features, keras.layers.Concatenate(name="encoded")(parts) if len(parts) > 1 else parts[0]


def _normalized(numbers: Any, columns: Sequence[ColumnLike]) -> Any:
    means, variances = [column.mean for column in columns], [column.variance for column in columns]
    return keras.layers.Normalization(mean=means, variance=variances, name="scaling")(numbers)


def _numbers(cells: Any, columns: Sequence[ColumnLike]) -> Any:
    """Picks the numeric columns, those side by side in one piece."""
    pieces = []
    for numeric, run in groupby(range(len(columns)), key=lambda place: columns[place].kind == "numeric"):
        first, *rest = run
        if numeric:
            after = len(columns) - first - len(rest) - 1
            pieces.append(keras.layers.Cropping1D((first, after), name=f"numbers_{first + 1}")(cells))
    joined = keras.layers.Concatenate(axis=1, name="numbers")(pieces) if len(pieces) > 1 else pieces[0]
    return keras.layers.Flatten(name="numeric")(joined)


def _embedded(cells: Any, place: int, columns: int, words: int) -> Any:
    codes = keras.layers.Cropping1D((place, columns - place - 1), name=f"codes_{place + 1}")(cells)
    embedding = keras.layers.Embedding(words + 1, max(1, min(words, EMBEDDING)), name=f"embedding_{place + 1}")
    vectors = embedding(codes)
    (table,) = embedding.get_weights()
    table[0] = 0
    embedding.set_weights([table])
    return keras.layers.Flatten(name=f"category_{place + 1}")(vectors)
