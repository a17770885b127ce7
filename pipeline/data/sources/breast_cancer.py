"""The breast cancer table that scikit-learn carries with it."""

import numpy as np

from pipeline.data.examples import Examples


def load_breast_cancer() -> Examples:
    """Returns 569 rows of 30 columns, float32, in two classes.

    Data: W. Wolberg et al., "Breast Cancer Wisconsin (Diagnostic)", UCI, 1995.
    """
    from sklearn import datasets

    bunch = datasets.load_breast_cancer()
    return Examples(
        features=bunch.data.astype(np.float32),
        labels=bunch.target.astype(np.int32),
        class_names=tuple(str(name) for name in bunch.target_names),
        feature_names=tuple(str(name) for name in bunch.feature_names),
        kind="table",
        scale=1.0,
        test=None,
    )
