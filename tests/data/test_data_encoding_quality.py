import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from pipeline.data.encoding.quality import blocks, largest_error, psnr

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3,), (5, 7, 2), (2000, 30, 30)])
def test_psnr_is_scikit_images(shape):
    original = RANDOM.integers(0, 256, shape, np.uint8)
    decoded = RANDOM.integers(0, 256, shape, np.uint8)
    assert psnr(original, decoded, 255) == pytest.approx(peak_signal_noise_ratio(original, decoded, data_range=255))
    assert largest_error(original, decoded) == np.abs(original.astype(int) - decoded).max()


def test_psnr_by_hand():
    assert psnr(np.array([0.0, 4.0]), np.array([1.0, 3.0]), 10) == pytest.approx(20.0)
    assert psnr(np.array([1]), np.array([1]), 255) == math.inf
    assert largest_error(np.array([0, 250], np.uint8), np.array([250, 0], np.uint8)) == 250


def test_blocks_cover_every_example_once():
    features = np.empty((2500, 1000), np.uint8)
    assert np.concatenate([np.arange(2500)[each] for each in blocks(features)]).tolist() == list(range(2500))
    assert len(blocks(features)) > 1


@pytest.mark.parametrize(
    ("original", "decoded", "peak", "said"),
    [
        (np.zeros(2), np.zeros(3), 1, r"shapes \(2,\) and \(3,\); accepted: one shape"),
        (np.zeros(0), np.zeros(0), 1, "accepted: one shape, not empty"),
        (np.zeros(2), np.ones(2), 0, "peak 0; accepted: more than 0"),
        (np.zeros(2), np.ones(2), math.nan, "peak nan; accepted: more than 0"),
    ],
)
def test_refuses(original, decoded, peak, said):
    with pytest.raises(ValueError, match=said):
        psnr(original, decoded, peak)
