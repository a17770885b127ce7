"""How much each column varies, whatever the target."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.dataset import Column
from pipeline.data.selection.codes import codes
from pipeline.data.selection.scores import Scores, column_blocks


def variance(features: np.ndarray, columns: Sequence[Column]) -> Scores:
    """Computes each column's variance; 0 for a constant one.

    Numeric columns are first scaled to their range, 0 to 1, so that units don't decide; the largest possible is 1/4.
    Of a categorical one, half its Gini impurity, (1 - sum of squared shares) / 2 (Light and Margolin 1971), which is
    what a column of two values has as numbers.

    Args:
        features: Shape (n, columns), finite.
        columns: What they are.

    Raises:
        ValueError: On a wrong code or number.
    """
    scores = np.empty(len(columns))
    for start, stop, values in column_blocks(features, columns):
        low, high = values.min(axis=0), values.max(axis=0)
        scores[start:stop] = ((values - low) / np.where(high > low, high - low, 1.0)).var(axis=0)
        for index, column in enumerate(columns[start:stop]):
            if column.kind == "categorical":
                shares = np.bincount(codes(values[:, index], column, None)) / len(values)
                scores[start + index] = (1.0 - (shares**2).sum()) / 2
    return Scores(scores)
