import numpy as np
import pytest
from augmentation_cases import SIGNIFICANCE, augmented, pictures, seed_of
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy.stats import binomtest, chisquare
from skimage import transform

from pipeline.data.augmentation.apply import seeds_of
from pipeline.data.augmentation.rand_augment import OPERATIONS, draw_operations, rand_augment
from pipeline.keras import tf

LEVELS = [0, 3, 10]


def moved(image, linear=((1, 0), (0, 1)), move=(0, 0)):
    """Scikit-image's warp about the centre."""
    height, width = image.shape[:2]
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, move
    centre = transform.AffineTransform(translation=((width - 1) / 2, (height - 1) / 2)).params
    inverse = np.linalg.inv(centre @ matrix @ np.linalg.inv(centre))
    return transform.warp(image.astype(float), inverse, order=1, mode="constant", clip=False, preserve_range=True)


def factor(level, sign):
    return 1 + sign * 0.9 * level / 10


def contrasted(image, level, sign):
    mean = image.astype(float).mean()
    return np.clip(mean + (image - mean) * factor(level, sign), 0, 255)


def sharpened(image, level, sign):
    """Pillow's smoothing, its border kept, blended with the image."""
    smooth = np.asarray(Image.fromarray(image).filter(ImageFilter.SMOOTH)).astype(float)
    return np.clip(smooth + (image - smooth) * factor(level, sign), 0, 255)


def turned(image, level, sign):
    degrees = 30 * level / 10 * sign
    return transform.rotate(image.astype(float), degrees, order=1, mode="constant", clip=False, preserve_range=True)


# What each does to an RGB image by Pillow, scikit-image or NumPy, and how far off rounding may put the result: Pillow
# cuts decimals off, and blends with a grey or smoothed image that it has rounded.
SLOWLY = {
    "identity": (lambda image, level, sign: image, 0),
    "autocontrast": (lambda image, level, sign: ImageOps.autocontrast(Image.fromarray(image)), 1),
    "equalize": (lambda image, level, sign: ImageOps.equalize(Image.fromarray(image)), 0),
    "rotate": (turned, 0.05),
    "shear_x": (lambda image, level, sign: moved(image, linear=((1, 0.03 * level * sign), (0, 1))), 0.05),
    "shear_y": (lambda image, level, sign: moved(image, linear=((1, 0), (0.03 * level * sign, 1))), 0.05),
    "translate_x": (lambda image, level, sign: moved(image, move=(15 / 331 * level * sign * image.shape[1], 0)), 0.05),
    "translate_y": (lambda image, level, sign: moved(image, move=(0, 15 / 331 * level * sign * image.shape[0])), 0.05),
    "brightness": (lambda image, *at: ImageEnhance.Brightness(Image.fromarray(image)).enhance(factor(*at)), 1),
    "contrast": (contrasted, 1e-3),
    "color": (lambda image, *at: ImageEnhance.Color(Image.fromarray(image)).enhance(factor(*at)), 2),
    "sharpness": (sharpened, 1),
    "posterize": (lambda image, level, sign: ImageOps.posterize(Image.fromarray(image), 8 - round(0.4 * level)), 0),
    "solarize": (lambda image, level, sign: ImageOps.solarize(Image.fromarray(image), 255.5 - 25.5 * level), 0),
}


def images():
    """Low contrast and few values in the first half, so that stretching and equalizing have work to do."""
    values = pictures((16, 40, 34, 3))
    values[:8] = values[:8] // 16 * 4 + 60
    return values


def test_every_operation_has_a_slow_version():
    assert list(SLOWLY) == list(OPERATIONS)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SLOWLY)
def test_agrees_with_one_image_at_a_time(name, level):
    slowly, tolerance = SLOWLY[name]
    signs = np.tile([1.0, -1.0], 8).astype(np.float32)
    choices = np.full((1, 16), list(OPERATIONS).index(name), np.int32)
    originals = images()
    found = rand_augment(
        tf.constant(originals, tf.float32), tf.constant(choices), tf.constant(signs[None]), magnitude=level, scale=255.0
    )
    expected = [np.asarray(slowly(image, level, sign)) for image, sign in zip(originals, signs, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance + 1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_goes_through_its_own_operations(channels):
    originals = pictures((64, 12, 10, channels))
    choices, signs = draw_operations(64, seeds_of(seed_of())["rand_augment"], 2)
    expected = []
    for index in range(64):
        image = tf.constant(originals[index : index + 1], tf.float32)
        for choice, sign in zip(choices[:, index], signs[:, index], strict=True):
            function = list(OPERATIONS.values())[int(choice)]
            image = tf.clip_by_value(function(image, sign[None], level=0.7, scale=255.0), 0, 255)
        expected.append(image[0].numpy())
    found, _ = augmented(originals, rand_augment=2, magnitude=7)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.501)


def test_the_value_range_scales_everything():
    originals = images()[:, :12, :12]
    whole, _ = augmented(originals.astype(np.float32), rand_augment=3, magnitude=6)
    unit, _ = augmented(originals.astype(np.float32) / 255, value_range=1.0, rand_augment=3, magnitude=6)
    # A value that lands on a step of posterize or solarize may round to its other side.
    assert np.isclose(unit * 255, whole, rtol=0, atol=0.01).mean() > 0.99


def test_images_too_small_to_smooth_and_constant_ones_are_kept():
    for shape in ((14, 2, 2, 3), (14, 1, 5, 1)):
        flat = np.full(shape, 77, np.uint8)
        found, _ = augmented(flat, rand_augment=4, magnitude=0)
        np.testing.assert_array_equal(found, flat)


def test_operations_and_signs_are_uniform():
    choices, signs = (draws.numpy() for draws in draw_operations(10_000, seed_of(), 2))
    for layer in range(2):
        assert chisquare(np.bincount(choices[layer], minlength=len(OPERATIONS))).pvalue > SIGNIFICANCE
    pairs = np.bincount(choices[0] * len(OPERATIONS) + choices[1], minlength=len(OPERATIONS) ** 2)
    assert chisquare(pairs).pvalue > SIGNIFICANCE
    assert binomtest(int((signs > 0).sum()), signs.size, 0.5).pvalue > SIGNIFICANCE
