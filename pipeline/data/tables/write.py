"""A table's parts written as a dataset's files, in bounded memory."""

from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import numpy as np

from pipeline.data.dataset import PARTS, Info
from pipeline.data.examples import FREE, Table, Targets
from pipeline.data.files import part_files, save_info, write_header
from pipeline.data.hints import accepted
from pipeline.data.tables.statistics import Impute, describe, encode

_BLOCK_CELLS = 2**21


def write_table(table: Table, parts: np.ndarray, folder: Path, *, impute: Impute = "mean") -> Info:
    """Writes dataset.json and each part's features, float32 of shape (n, columns), and labels, in the table's order.

    Vocabularies, fills, means and variances are those of the training part.

    Args:
        table: From any source.
        parts: The part of each row, int8, an index in PARTS, or FREE for one that is left out.
        folder: Existing or not.
        impute: What stands where a number is missing: the mean or the median; a missing text is the most frequent one.

    Returns:
        What dataset.json says.

    Raises:
        ValueError: When a part has no row, a row's part is unknown, the training part lacks a class that another one
            has, or has no value of a column, or a column's variance is too large for float32.
        OSError: When a file can't be written whole.
    """
    if impute not in get_args(Impute):
        raise ValueError(f"impute {impute!r} is unknown; {accepted(get_args(Impute))}")
    _check_parts(table.targets, parts)
    train = parts == PARTS.index("train")
    columns = tuple(describe(column, train, impute) for column in table.columns)
    targets = table.targets
    mean, variance = _moments(targets.values[train]) if targets.task == "regression" else (0.0, 1.0)
    info = Info(
        kind="table",
        task=targets.task,
        feature_shape=(len(columns),),
        dtype="float32",
        class_names=targets.names,
        columns=columns,
        target_mean=mean,
        target_variance=variance,
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_info(info, {}, folder)
    _write_features(table, parts, info, folder)
    for index, part in enumerate(PARTS):
        labels = targets.values[parts == index]
        with part_files(folder, part)[1].open("wb") as file:
            write_header(file, labels.dtype, labels.shape)
            file.write(np.ascontiguousarray(labels).data)
    return info


def _write_features(table: Table, parts: np.ndarray, info: Info, folder: Path) -> None:
    rows = max(1, _BLOCK_CELLS // len(info.columns))
    with ExitStack() as opened:
        files = [opened.enter_context(part_files(folder, part)[0].open("wb")) for part in PARTS]
        for index, file in enumerate(files):
            write_header(file, np.dtype(np.float32), (int((parts == index).sum()), len(info.columns)))
        for start in range(0, len(parts), rows):
            here = parts[start : start + rows]
            block = np.empty((len(here), len(info.columns)), np.float32)
            for place, (column, described) in enumerate(zip(table.columns, info.columns, strict=True)):
                block[:, place] = encode(column, described, start, start + rows)
            for index, file in enumerate(files):
                file.write(block[here == index].data)


def _check_parts(targets: Targets, parts: np.ndarray) -> None:
    if len(parts) != len(targets.values):
        raise ValueError(f"{len(parts)} parts for {len(targets.values)} rows; accepted: one for each")
    counts = [int((parts == index).sum()) for index in range(len(PARTS))]
    if unknown := len(parts) - sum(counts) - int((parts == FREE).sum()):
        raise ValueError(f"{unknown} rows have no part; accepted: {FREE} to {len(PARTS) - 1} for each")
    for name, count in zip(PARTS, counts, strict=True):
        if not count:
            raise ValueError(f"{name} part: no row; accepted: one or more")
    if targets.task == "regression":
        return
    train = _present(targets, parts == PARTS.index("train"))
    for index, name in enumerate(PARTS):
        unseen = np.flatnonzero(_present(targets, parts == index) & ~train)
        if len(unseen):
            raise ValueError(
                f"{name} part: class {targets.names[unseen[0]]!r} has no example in the training part "
                f"({len(unseen)} such classes); accepted: classes that training has examples of"
            )


def _present(targets: Targets, rows: np.ndarray) -> np.ndarray:
    """Returns which classes or labels some rows have."""
    if targets.task == "multi_label":
        return targets.values[rows].any(axis=0)
    return np.bincount(targets.values[rows], minlength=len(targets.names)) > 0


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Returns the mean and variance, 1.0 when constant, whose computed variance is rounding noise."""
    if values.min() == values.max():
        return float(values[0]), 1.0
    return float(values.mean(dtype=np.float64)), float(values.var(dtype=np.float64))
