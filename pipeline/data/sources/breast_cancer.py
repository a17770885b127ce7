"""The breast cancer table that scikit-learn carries with it."""

import numpy as np

from pipeline.data.examples import Table, Targets
from pipeline.data.tables.arrays import from_arrays


def load_breast_cancer() -> Table:
    """Returns 569 rows of 30 numeric columns, in two classes.

    Data: W. Wolberg et al., "Breast Cancer Wisconsin (Diagnostic)", UCI, 1995.
    """
    from sklearn import datasets

    bunch = datasets.load_breast_cancer()
    classes = tuple(str(name) for name in bunch.target_names)
    names = [str(name) for name in bunch.feature_names]
    return from_arrays(bunch.data, names, Targets(bunch.target.astype(np.int32), "classification", classes))
