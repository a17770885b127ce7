"""Keeping a dataset's selected features."""

from dataclasses import replace

import numpy as np

from pipeline.data.dataset import PARTS, Affine, Column, Dataset, Split
from pipeline.data.selection.pixels import feature_columns, flat
from pipeline.data.selection.scores import column_blocks
from pipeline.data.selection.select import Selection

_BLOCK_CELLS = 2**22


def apply(dataset: Dataset, selection: Selection) -> Dataset:
    """Returns the dataset with the kept columns only, in memory; examples and labels stay as they are.

    Images become a table of the kept pixels, float32, on their own scale (0 to 255, not divided), with the training
    part's mean and variance for each: the model families for images don't apply to it any more, those for tables do.

    Args:
        dataset: Any that has the columns that the selection was made from.
        selection: What to keep.

    Raises:
        ValueError: When the dataset has other columns.
    """
    columns = feature_columns(dataset.info)
    names = tuple(column.name for column in columns)
    if names != selection.names:
        raise ValueError(
            f"a selection from {_described(selection.names)} for a dataset of {_described(names)}; "
            "accepted: the columns it was made from"
        )
    kept = tuple(columns[index] for index in selection.kept)
    if dataset.info.kind == "table":
        parts = {part: _keep(getattr(dataset, part), selection.kept) for part in PARTS}
        return Dataset(replace(dataset.info, columns=kept, feature_shape=(len(kept),)), **parts)
    parts = {part: _keep_pixels(getattr(dataset, part), selection.kept) for part in PARTS}
    info = replace(
        dataset.info,
        kind="table",
        columns=_measured(kept, parts["train"].features),
        feature_shape=(len(kept),),
        dtype="float32",
        scale=1.0,
    )
    return Dataset(info, **parts)


def _keep(split: Split, kept: np.ndarray) -> Split:
    affine = split.affine
    if affine is not None and affine.scale.ndim:
        affine = Affine(affine.scale[kept], affine.offset[kept])
    return Split(np.ascontiguousarray(split.features[:, kept]), split.labels, affine)


def _keep_pixels(split: Split, kept: np.ndarray) -> Split:
    pixels = np.empty((len(split.labels), len(kept)), np.float32)
    rows = max(1, _BLOCK_CELLS // int(np.prod(split.features.shape[1:])))
    for start in range(0, len(pixels), rows):
        block = slice(start, start + rows)
        pixels[block] = flat(split.decoded(block))[:, kept]
    return Split(pixels, split.labels)


def _measured(columns: tuple[Column, ...], train: np.ndarray) -> tuple[Column, ...]:
    measured = []
    for start, stop, values in column_blocks(train, columns):
        # A constant column's computed variance is rounding noise, not 0, and would be divided by.
        constant = values.min(axis=0) == values.max(axis=0)
        means = np.where(constant, values[0], values.mean(axis=0)).tolist()
        variances = np.where(constant, 1.0, values.var(axis=0)).tolist()
        measured += [
            replace(column, fill=mean, mean=mean, variance=spread)
            for column, mean, spread in zip(columns[start:stop], means, variances, strict=True)
        ]
    return tuple(measured)


def _described(names: tuple[str, ...]) -> str:
    return f"{len(names)} columns ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
