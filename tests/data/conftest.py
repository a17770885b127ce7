"""Real data that the tests of selection share; to be left as it is."""

import numpy as np
import pytest
from selection_cases import table
from sklearn import datasets

from pipeline.data.dataset import Dataset, Info, Split


@pytest.fixture(scope="module")
def cancer():
    bunch = datasets.load_breast_cancer()
    return table(bunch.data.astype(np.float32), bunch.target.astype(np.int32), names=bunch.feature_names.tolist())


@pytest.fixture(scope="module")
def digits():
    bunch = datasets.load_digits()
    images, labels = bunch.images.astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int32)
    info = Info("image", "classification", (8, 8, 1), "uint8", tuple("0123456789"), scale=16.0)
    cut = zip(np.split(images, [1000, 1400]), np.split(labels, [1000, 1400]), strict=True)
    return Dataset(info, *(Split(values, of_values) for values, of_values in cut))


@pytest.fixture(scope="module", params=["breast_cancer", "digits"])
def real(request):
    features, labels = getattr(datasets, f"load_{request.param}")(return_X_y=True)
    return features.astype(np.float32), labels.astype(np.int32)
