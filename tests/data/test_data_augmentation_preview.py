import io

import numpy as np
import pytest
from augmentation_cases import augmented, pictures, seed_of
from PIL import Image

from pipeline.data.augmentation.policy import Augmentation
from pipeline.data.augmentation.preview import preview

GAP = 4


def tiles_of(png, rows, columns, height, width):
    """Cuts the grid, made of images of height x width enlarged by a whole factor, and undoes the enlargement."""
    grid = np.asarray(Image.open(io.BytesIO(png)))
    factor = max(1, -(-96 // max(height, width)))
    assert grid.shape[:2] == (rows * (height * factor + GAP) + GAP, columns * (width * factor + GAP) + GAP)
    for row in range(rows):
        for column in range(columns):
            top, left = GAP + row * (height * factor + GAP), GAP + column * (width * factor + GAP)
            tile = grid[top : top + height * factor, left : left + width * factor]
            small = tile[::factor, ::factor]
            np.testing.assert_array_equal(small.repeat(factor, 0).repeat(factor, 1), tile)
            yield row, column, small


@pytest.mark.parametrize(
    ("shape", "value_range"), [((3, 10, 7, 1), 255.0), ((2, 5, 8, 3), 1.0), ((2, 100, 120, 4), 255.0)]
)
@pytest.mark.parametrize("fields", [{"flip": True, "crop": 2}, {"cutmix": 1.0}])
def test_the_grid_holds_originals_and_variants(shape, value_range, fields):
    images = pictures(shape, "uint8" if value_range == 255 else "float32")
    images = images if value_range == 255 else images / np.float32(255)
    png = preview(images, value_range, Augmentation(**fields), seed=5, variants=2)
    columns = [images]
    for variant in range(2):
        targets = np.zeros((len(images), 1), np.float32)
        columns.append(augmented(images, targets, seed_of(5, variant), value_range=value_range, **fields)[0])
    for row, column, tile in tiles_of(png, len(images), 3, *shape[1:3]):
        expected = np.round(columns[column][row] * (255 / value_range)).astype(np.uint8)
        np.testing.assert_array_equal(tile.reshape(expected.shape), expected)
    assert png == preview(images, value_range, Augmentation(**fields), seed=5, variants=2)
    assert png != preview(images, value_range, Augmentation(**fields), seed=6, variants=2)


@pytest.mark.parametrize(
    ("shape", "variants", "said"),
    [
        ((2, 5, 5, 2), 1, r"images of shape \(2, 5, 5, 2\) can't be shown; accepted: \(n, h, w, c\) with c 1, 3 or 4"),
        ((0, 5, 5, 1), 1, r"images of shape \(0, 5, 5, 1\) can't be shown"),
        ((2, 5), 1, r"images of shape \(2, 5\) can't be shown"),
        ((2, 5, 5, 1), 0, "variants 0; accepted: 1 or more"),
    ],
)
def test_what_cannot_be_shown_is_refused(shape, variants, said):
    with pytest.raises(ValueError, match=said):
        preview(np.zeros(shape, np.uint8), 255.0, Augmentation(flip=True), seed=0, variants=variants)
