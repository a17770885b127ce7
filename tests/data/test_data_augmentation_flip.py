import numpy as np
import pytest
from augmentation_cases import SHAPES, SIGNIFICANCE, augmented, pictures, seed_of
from scipy.stats import binomtest, chisquare

from pipeline.data.augmentation.apply import seeds_of
from pipeline.data.augmentation.flip import draw_flips, draw_moves


def slowly(images, mirrored, upended, down, right, crop):
    """One image at a time: mirror, pad, cut a window out."""
    results = []
    for image, mirror, upend, y, x in zip(images, mirrored, upended, down, right, strict=True):
        flipped = image[:, ::-1] if mirror else image
        flipped = flipped[::-1] if upend else flipped
        padded = np.pad(flipped, [(crop, crop), (crop, crop), (0, 0)])
        results.append(padded[crop - y : crop - y + image.shape[0], crop - x : crop - x + image.shape[1]])
    return np.stack(results)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [(shape, "uint8") for shape in SHAPES] + [(SHAPES[1], dtype) for dtype in ("int8", "uint16", "float16", "float32")],
)
@pytest.mark.parametrize(
    ("flip", "flip_vertical", "crop"),
    [(True, False, 2), (True, True, 3), (False, False, 4), (True, False, 0), (False, True, 0), (False, True, 1)],
)
def test_agrees_with_one_image_at_a_time(shape, dtype, flip, flip_vertical, crop):
    images, seeds, count = pictures(shape, dtype), seeds_of(seed_of()), shape[0]
    mirrored = draw_flips(count, seeds["flip"]).numpy() & flip
    upended = draw_flips(count, seeds["flip_vertical"]).numpy() & flip_vertical
    down, right = (moves.numpy() for moves in draw_moves(count, seeds["crop"], crop))
    found, _ = augmented(images, flip=flip, flip_vertical=flip_vertical, crop=crop)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, slowly(images, mirrored, upended, down, right, crop))


def test_half_are_mirrored():
    mirrored = draw_flips(20_000, seed_of()).numpy()
    assert binomtest(int(mirrored.sum()), 20_000, 0.5).pvalue > SIGNIFICANCE


def test_every_window_is_as_likely():
    down, right = (moves.numpy() for moves in draw_moves(20_000, seed_of(), 2))
    _, counts = np.unique(np.stack([down, right]), axis=1, return_counts=True)
    assert len(counts) == 25
    assert chisquare(counts).pvalue > SIGNIFICANCE
