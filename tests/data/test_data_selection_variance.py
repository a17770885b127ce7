import numpy as np
import pytest
from selection_cases import categorical, numeric

from pipeline.data.selection.variance import variance


def test_variance_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    column = rng.exponential(size=500).astype(np.float32)
    features = np.stack([column, column * 1024, -column, np.full(500, 3.3)], axis=1).astype(np.float32)
    found = variance(features, numeric(4))
    scaled = (column.astype(float) - column.min()) / (float(column.max()) - float(column.min()))
    np.testing.assert_allclose(found.values, [np.var(scaled)] * 3 + [0], rtol=1e-9)
    assert found.p_values is None


def test_variance_of_two_values_is_the_same_as_category_or_number():
    features = np.repeat([[1.0], [2.0]], [30, 70], axis=0).astype(np.float32)
    for columns in (numeric(1), categorical(1)):
        assert variance(features, columns).values[0] == pytest.approx(0.3 * 0.7)
    three = np.repeat([[1.0], [2.0], [3.0]], [20, 30, 50], axis=0)
    assert variance(three, categorical(1)).values[0] == pytest.approx((1 - 0.04 - 0.09 - 0.25) / 2)
