import numpy as np
import pytest
from augmentation_cases import SHAPES, SIGNIFICANCE, augmented, pictures, seed_of
from scipy.stats import kstest
from skimage import transform

from pipeline.data.augmentation.apply import seeds_of
from pipeline.data.augmentation.warp import draw_warps, rotation, shear, translation, warp
from pipeline.keras import tf

# The operation works in float32 coordinates, scikit-image in float64.
TOLERANCE = 0.05


def slowly(image, matrix):
    """Scikit-image's warp, with the image's centre moved to the origin and back."""
    height, width = image.shape[:2]
    centre = transform.AffineTransform(translation=((width - 1) / 2, (height - 1) / 2)).params
    whole = centre @ matrix.astype(float) @ np.linalg.inv(centre)
    inverse = np.linalg.inv(whole)
    return transform.warp(image.astype(float), inverse, order=1, mode="constant", clip=False, preserve_range=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "fields", [{"rotate": 30.0}, {"translate": 0.3}, {"scale": 0.4}, {"rotate": 180.0, "translate": 0.1, "scale": 0.2}]
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_agrees_with_scikit_image(shape, fields, dtype):
    images, seeds = pictures(shape, dtype), seeds_of(seed_of())
    strengths = {"rotate": 0.0, "translate": 0.0, "scale": 0.0, **fields}
    of_each = seeds["rotate"], seeds["translate"], seeds["scale"]
    matrices = draw_warps(shape[0], of_each, shape[1:3], **strengths).numpy()
    expected = np.stack([slowly(image, matrix) for image, matrix in zip(images, matrices, strict=True)])
    found, _ = augmented(images, **fields)
    assert found.dtype == dtype
    # An integer is the rounded value, not the value cut off.
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE + 0.5 * (dtype == "uint8"))


def test_a_positive_angle_turns_counterclockwise_as_scikit_image_does():
    image = pictures((9, 7, 1), "float32")
    found = warp(tf.constant(image[np.newaxis]), rotation(tf.constant([20.0])))[0].numpy()
    expected = transform.rotate(image, 20, order=1, mode="constant", clip=False, preserve_range=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_whole_pixels_move_right_and_down():
    image = pictures((1, 5, 6, 1), "float32")
    found = warp(tf.constant(image), translation(tf.constant([2.0]), tf.constant([1.0]))).numpy()
    np.testing.assert_allclose(found[:, 1:, 2:], image[:, :-1, :-2], rtol=1e-5)
    assert not found[:, :1].any()
    assert not found[:, :, :2].any()


def test_shear_moves_rows_and_columns_by_their_distance_from_the_centre():
    image = pictures((1, 5, 5, 1), "float32")
    rows = warp(tf.constant(image), shear(tf.constant([1.0]), tf.constant([0.0])))[0, ..., 0].numpy()
    columns = warp(tf.constant(image), shear(tf.constant([0.0]), tf.constant([1.0])))[0, ..., 0].numpy()
    for index, move in enumerate(range(-2, 3)):
        kept, moved = slice(max(-move, 0), 5 - max(move, 0)), slice(max(move, 0), 5 - max(-move, 0))
        np.testing.assert_allclose(rows[index, moved], image[0, index, kept, 0], rtol=1e-5)
        np.testing.assert_allclose(columns[moved, index], image[0, kept, index, 0], rtol=1e-5)


def test_draws_are_uniform():
    seeds = tuple(seed_of(1, number) for number in range(3))
    matrices = draw_warps(5000, seeds, (20, 10), rotate=30.0, translate=0.1, scale=0.2).numpy()
    zoom = np.sqrt(np.linalg.det(matrices))
    degrees = np.degrees(np.arctan2(matrices[:, 0, 1], matrices[:, 0, 0]))
    for values, most in ((zoom - 1, 0.2), (degrees, 30), (matrices[:, 0, 2], 1.0), (matrices[:, 1, 2], 2.0)):
        assert kstest(values, "uniform", (-most, 2 * most)).pvalue > SIGNIFICANCE
    assert np.abs(np.corrcoef([zoom, degrees, matrices[:, 0, 2], matrices[:, 1, 2]]) - np.eye(4)).max() < 0.05
