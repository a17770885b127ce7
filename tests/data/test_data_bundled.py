import subprocess
import sys

import numpy as np

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
    table = load_breast_cancer()
    assert len(table.columns) == 30
    assert {(column.kind, len(column.values)) for column in table.columns} == {("numeric", 569)}
    assert (table.targets.task, table.targets.names) == ("classification", ("malignant", "benign"))
    assert table.targets.values.dtype == np.int32
    assert np.bincount(table.targets.values).tolist() == [212, 357]
    assert table.columns[0].name == "mean radius"
    assert table.columns[0].values.read(0, 1).tolist() == [np.float32(17.99)]


def test_reading_data_imports_no_heavy_library():
    code = (
        "import sys; from pipeline.data import dataset, files; from pipeline.data.tables import write;"
        "from pipeline.data.sources import breast_cancer, csv, digits, download, idx, parquet;"
        "print({'tensorflow', 'pandas', 'pyarrow', 'sklearn', 'pooch', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
