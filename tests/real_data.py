"""Data that the tests of models, training and compression share; all but `mixed` is real."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn import datasets


@dataclass(frozen=True)
class Column:
    """What a model and its serving need to know about a column of a table."""

    name: str
    kind: str
    vocabulary: tuple[str, ...] = ()
    fill: float = 0.0
    mean: float = 0.0
    variance: float = 1.0


@dataclass(frozen=True, eq=False)
class Part:
    features: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Data:
    train: Part
    validation: Part
    test: Part
    columns: tuple[Column, ...] = ()


def cut(features, labels, columns=()):
    """Puts half of the examples into the training part, a tenth into validation, the rest into test."""
    order = np.random.default_rng(0).permutation(len(features))
    bounds = [len(order) // 2, len(order) * 6 // 10]
    parts = [Part(features[chosen], labels[chosen]) for chosen in np.split(order, bounds)]
    train = parts[0].features
    filled = [
        column
        if column.kind == "categorical"
        else Column(column.name, "numeric", (), float(values.mean()), float(values.mean()), float(values.var()))
        for column, values in zip(columns, train.T, strict=bool(columns))
    ]
    return Data(*parts, tuple(filled))


@cache
def digits():
    images, classes = datasets.load_digits(return_X_y=True)
    return cut(images.reshape(-1, 8, 8, 1).astype(np.uint8), classes.astype(np.int32))


@cache
def digits_labels():
    """Digits with four labels each: even, prime, above 4, with a closed loop."""
    images, classes = datasets.load_digits(return_X_y=True)
    rows = np.stack([classes % 2 == 0, np.isin(classes, (2, 3, 5, 7)), classes > 4, np.isin(classes, (0, 6, 8, 9))], 1)
    return cut(images.reshape(-1, 8, 8, 1).astype(np.uint8), rows.astype(np.uint8))


@cache
def breast_cancer():
    """Thirty numeric columns, whose magnitudes run from 0.001 to 1,000, and two classes."""
    loaded = datasets.load_breast_cancer()
    columns = [Column(str(name), "numeric") for name in loaded.feature_names]
    return cut(loaded.data.astype(np.float32), loaded.target.astype(np.int32), columns)


@cache
def diabetes():
    """Nine numeric columns around a categorical one, and a progression of disease from 25 to 346 as the target."""
    loaded = datasets.load_diabetes(scaled=False)
    sexes = Column("sex", "categorical", ("1", "2"), fill=1.0)
    columns = [sexes if name == "sex" else Column(name, "numeric") for name in loaded.feature_names]
    return cut(loaded.data.astype(np.float32), loaded.target.astype(np.float32), columns)


@cache
def mixed():
    """Numbers of different magnitudes, three categorical columns of 3, 12 and 60 texts, and two classes."""
    noise, count = np.random.default_rng(0), 3000
    sizes = {1: 3, 2: 12, 5: 60}
    features = np.empty((count, 6), np.float32)
    features[:, 0], features[:, 3], features[:, 4] = (
        noise.normal(1e4, 2e3, count),
        noise.normal(0, 0.1, count),
        noise.exponential(5, count),
    )
    score = (features[:, 0] - 1e4) / 2e3 + 5 * features[:, 3]
    for place, size in sizes.items():
        codes = noise.integers(1, size + 1, count)
        features[:, place] = codes
        score = score + noise.normal(size=size + 1)[codes]
    columns = [
        Column(f"city {place}", "categorical", tuple(f"word {word:02d}" for word in range(sizes[place])), fill=2.0)
        if place in sizes
        else Column(f"number {place}", "numeric")
        for place in range(6)
    ]
    return cut(features, (score > 0).astype(np.int32), columns)
