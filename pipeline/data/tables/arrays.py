"""Tables of arrays in memory."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.examples import InMemory, Placement, Table, TableColumn, Targets
from pipeline.data.tables.cells import LARGEST

_ANYWHERE = Placement()


def from_arrays(
    features: np.ndarray, names: Sequence[str], targets: Targets, placement: Placement = _ANYWHERE
) -> Table:
    """Returns a table of numeric columns.

    Args:
        features: Numbers of shape (n, columns), NaN where one is missing.
        names: Of the columns.
        targets: Of the rows.
        placement: Where they belong.

    Raises:
        ValueError: When the arrays' shapes don't agree, or a number isn't a finite float32.
    """
    if features.ndim != 2 or features.shape[0] != len(targets.values):
        raise ValueError(
            f"features of shape {features.shape} for {len(targets.values)} targets; accepted: a row for each target"
        )
    if len(names) != features.shape[1] or len(set(names)) < len(names):
        raise ValueError(f"{len(names)} names for {features.shape[1]} columns; accepted: a name of its own for each")
    unfit = np.argwhere(~(np.isnan(features) | (np.abs(features) <= LARGEST)))
    if len(unfit):
        row, column = unfit[0]
        raise ValueError(
            f"row {row}, column {names[column]!r}: {features[row, column]}; "
            f"accepted: numbers up to {LARGEST:.4g}, or NaN where one is missing"
        )
    values = features.T.astype(np.float32, order="C")
    columns = tuple(TableColumn(name, "numeric", InMemory(each)) for name, each in zip(names, values, strict=True))
    return Table(columns, targets, placement)
