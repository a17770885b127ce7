"""The shuffle is uniform: where an example comes, and who follows whom, over many epochs."""

import numpy as np
import pytest
from scipy.stats import chi2

from pipeline.data.dataset import Column, Info, Split
from pipeline.data.stream import training_stream

COUNT, EPOCHS = 20, 3000
# The seed is fixed: a test that passes goes on passing. A fair shuffle fails one with this probability for a new seed.
SIGNIFICANCE = 1e-4


@pytest.fixture(scope="module", params=[0, -7, 2**62])
def orders(request) -> np.ndarray:
    """The order of each epoch, of shape (epochs, examples)."""
    split = Split(np.zeros((COUNT, 1), np.float32), np.arange(COUNT, dtype=np.int32))
    names = tuple(map(str, range(COUNT)))
    info = Info("table", "classification", (1,), "float32", names, (Column("x", "numeric"),))
    batches = training_stream(split, info, batch_size=COUNT, seed=request.param, first_epoch=0, last_epoch=EPOCHS)
    return np.stack([labels for _, labels in batches.as_numpy_iterator()])


def statistic(found: np.ndarray, expected: float) -> float:
    return float(((found - expected) ** 2 / expected).sum())


def test_each_example_comes_everywhere_equally_often(orders):
    found = np.zeros((COUNT, COUNT))
    np.add.at(found, (orders, np.broadcast_to(np.arange(COUNT), orders.shape)), 1)
    # An example has one place in an epoch, and a place one example: of n * n cells (n - 1) ** 2 are free, and the mean
    # of the statistic is n * (n - 1).
    free = (COUNT - 1) ** 2
    scaled = statistic(found, EPOCHS / COUNT) * (COUNT - 1) / COUNT
    assert chi2.ppf(SIGNIFICANCE / 2, free) < scaled < chi2.ppf(1 - SIGNIFICANCE / 2, free)


def test_each_example_follows_each_other_equally_often(orders):
    pairs = COUNT * (COUNT - 1)
    least, most = chi2.ppf([SIGNIFICANCE / COUNT, 1 - SIGNIFICANCE / COUNT], pairs - 1)
    # One place at a time, so that the pairs counted together are of different epochs, and independent.
    for place in range(COUNT - 1):
        found = np.zeros((COUNT, COUNT))
        np.add.at(found, (orders[:, place], orders[:, place + 1]), 1)
        assert found.trace() == 0
        assert least < statistic(found[~np.eye(COUNT, dtype=bool)], EPOCHS / pairs) < most


def test_an_epoch_says_nothing_of_the_next(orders):
    least, most = chi2.ppf([SIGNIFICANCE / COUNT, 1 - SIGNIFICANCE / COUNT], COUNT**2 - 1)
    for place in range(COUNT):
        found = np.zeros((COUNT, COUNT))
        # Every other epoch, so that the pairs are independent.
        np.add.at(found, (orders[:-1:2, place], orders[1::2, place]), 1)
        assert least < statistic(found, EPOCHS / 2 / COUNT**2) < most
