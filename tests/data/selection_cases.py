"""Tables for the tests of selection, and scores of contingency tables by hand."""

from math import log

import numpy as np
from scipy import stats

from pipeline.data.dataset import Column, Dataset, Info, Split


def table(features, labels, cuts=(0.6, 0.8), names=None):
    """A dataset of numeric columns, cut in order."""
    ends = [round(cut * len(labels)) for cut in cuts]
    names = names or [f"column {index}" for index in range(features.shape[1])]
    columns = tuple(
        Column(name, "numeric", mean=float(values.mean()), variance=float(values.var()))
        for name, values in zip(names, features.T, strict=True)
    )
    classes = tuple(str(label) for label in range(labels.max() + 1))
    info = Info("table", "classification", features.shape[1:], str(features.dtype), classes, columns)
    cut = zip(np.split(features, ends), np.split(labels, ends), strict=True)
    return Dataset(info, *(Split(values, of_values) for values, of_values in cut))


def numeric(count):
    return tuple(Column(f"n{index}", "numeric") for index in range(count))


def categorical(count, words=9):
    texts = tuple("abcdefghijklmnop"[:words])
    return tuple(Column(f"c{index}", "categorical", vocabulary=texts) for index in range(count))


def mixed(n=300, classes=3, seed=0):
    """Two numeric columns and two categorical ones, of which the first of each tells something of the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n).astype(np.int32)
    features = np.stack(
        [
            np.round(labels + rng.exponential(2, n), 2),
            rng.exponential(2, n),
            np.where(rng.random(n) < 0.5, labels + 1, rng.integers(0, 5, n)),
            rng.integers(0, 5, n),
        ],
        axis=1,
    ).astype(np.float32)
    return features, (*numeric(2), *categorical(2)), labels


def table_of(codes, labels):
    return [[sum((codes == code) & (labels == label)) for label in set(labels)] for code in sorted(set(codes))]


def chi_square_of_table(table):
    rows, columns = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    total, score = sum(rows), 0.0
    for row, of_row in zip(table, rows, strict=True):
        for found, of_column in zip(row, columns, strict=True):
            score += (found - of_row * of_column / total) ** 2 / (of_row * of_column / total)
    return score, stats.chi2.sf(score, (len(rows) - 1) * (len(columns) - 1))


def information_of_table(table):
    total, gain = sum(map(sum, table)), 0.0
    for row in table:
        for column, found in enumerate(row):
            if found:
                gain += found / total * log(found * total / (sum(row) * sum(each[column] for each in table)))
    return gain
