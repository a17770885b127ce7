import subprocess
import sys

import numpy as np
import pytest

from pipeline.data.sources.breast_cancer import load_breast_cancer
from pipeline.data.sources.digits import load_digits


def test_digits():
    images = load_digits()
    assert images.features.shape == (1797, 8, 8, 1)
    assert (images.features.dtype, images.targets.values.dtype) == (np.uint8, np.int32)
    assert (images.features.min(), images.features.max(), images.scale) == (0, 16, 16.0)
    assert (images.targets.task, images.targets.names) == ("classification", tuple("0123456789"))
    assert np.bincount(images.targets.values).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images.features[0, 0, :, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert (images.placement.part, images.skipped) == (None, ())


def test_breast_cancer():
    examples = load_breast_cancer()
    assert examples.features.shape == (569, 30)
    assert (examples.features.dtype, examples.labels.dtype) == (np.float32, np.int32)
    assert examples.class_names == ("malignant", "benign")
    assert np.bincount(examples.labels).tolist() == [212, 357]
    assert len(examples.feature_names) == 30
    assert examples.feature_names[0] == "mean radius"
    assert examples.features[0, 0] == pytest.approx(17.99)
    assert (examples.kind, examples.scale, examples.test) == ("table", 1.0, None)


def test_reading_data_imports_no_heavy_library():
    code = (
        "import sys; from pipeline.data import dataset, split;"
        "from pipeline.data.sources import breast_cancer, csv, digits, download, idx;"
        "print({'tensorflow', 'pandas', 'sklearn', 'pooch', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
