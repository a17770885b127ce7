"""RandAugment (arXiv:1909.13719): operations drawn for each image from one list, all at one strength.

The operations are the paper's 14; the strengths at magnitude 10 are torchvision's, turned the other way for half of the
images where there is another way:

    identity, autocontrast, equalize        no strength
    rotate                                  30 degrees
    shear_x, shear_y                        0.3
    translate_x, translate_y                150 / 331 of the side
    brightness, contrast, color, sharpness  factor 1.9 or 0.1
    posterize                               4 bits of 8 left
    solarize                                values from 0 on inverted
"""

from functools import partial

from pipeline.data.augmentation.choice import by_choice
from pipeline.data.augmentation.light import light
from pipeline.data.augmentation.warp import rotation, shear, translation, warp
from pipeline.keras import tf


def draw_operations(count: tf.Tensor | int, seed: tf.Tensor, operations: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws the operations of each of `count` images.

    Returns:
        Indices in OPERATIONS, int32, and signs, float32, 1 or -1; each of shape (operations, count) and uniform.
    """
    for_choice, for_sign = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    shape = (operations, count)
    choices = tf.random.stateless_uniform(shape, for_choice, minval=0, maxval=len(OPERATIONS), dtype=tf.int32)
    return choices, tf.where(tf.random.stateless_uniform(shape, for_sign) < 0.5, 1.0, -1.0)


def rand_augment(images: tf.Tensor, choices: tf.Tensor, signs: tf.Tensor, *, magnitude: int, scale: float) -> tf.Tensor:
    """Applies each image's operations, one after the other.

    Args:
        images: Shape (batch, h, w, c), float32, 0 to `scale`.
        choices: Indices in OPERATIONS, int32, shape (operations, batch).
        signs: 1 or -1, the same shape.
        magnitude: 0 to 10.
        scale: The greatest value.

    Returns:
        Images of the same shape, 0 to `scale`.
    """
    functions = [partial(function, level=magnitude / 10, scale=scale) for function in OPERATIONS.values()]
    for choice, sign in zip(tf.unstack(choices), tf.unstack(signs), strict=True):
        images = tf.clip_by_value(by_choice(choice, functions, images, sign), 0.0, scale)
    return images


def _identity(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return images


def _autocontrast(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    """Stretches each channel to 0 to `scale`; a constant one stays."""
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    span = tf.reduce_max(images, axis=(1, 2), keepdims=True) - low
    return tf.where(span > 0, (images - low) * (scale / tf.where(span > 0, span, 1.0)), images)


def _equalize(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    """Makes each channel's values about equally frequent, in 256 steps, by Pillow's rule."""
    height, width, channels = images.shape[1:]
    planes = tf.reshape(tf.transpose(_bytes(images, scale), (0, 3, 1, 2)), (-1, height * width))
    counts = tf.reshape(tf.math.bincount(planes, minlength=256, maxlength=256, axis=-1), (-1, 256))
    last = tf.gather(counts, tf.reduce_max(planes, axis=1), batch_dims=1)
    step = ((height * width - last) // 255)[:, tf.newaxis]
    table = tf.minimum((tf.cumsum(counts, axis=1, exclusive=True) + step // 2) // tf.maximum(step, 1), 255)
    equal = tf.where(step > 0, tf.gather(table, planes, batch_dims=1), planes)
    back = tf.transpose(tf.reshape(equal, (-1, channels, height, width)), (0, 2, 3, 1))
    return tf.cast(back, tf.float32) * (scale / 255)


def _rotate(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return warp(images, rotation(sign * (30 * level)))


def _shear_x(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return warp(images, shear(sign * (0.3 * level), tf.zeros_like(sign)))


def _shear_y(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return warp(images, shear(tf.zeros_like(sign), sign * (0.3 * level)))


def _translate_x(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return warp(images, translation(sign * (150 / 331 * level * images.shape[2]), tf.zeros_like(sign)))


def _translate_y(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return warp(images, translation(tf.zeros_like(sign), sign * (150 / 331 * level * images.shape[1])))


def _brightness(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return _away_from(tf.zeros_like(images), images, sign, level)


def _contrast(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return light(images, tf.zeros_like(sign), 1 + sign * (0.9 * level))


def _color(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    """Strengthens or weakens colours; images that don't have three channels stay."""
    if images.shape[3] != 3:
        return images
    return _away_from(tf.image.rgb_to_grayscale(images), images, sign, level)


def _sharpness(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    """Sharpens, or smooths with weights 1 and in the middle 5; the border stays."""
    height, width, channels = images.shape[1:]
    if min(height, width) < 3:
        return images
    kernel = tf.constant([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = tf.nn.depthwise_conv2d(
        images, tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], (1, 1, channels, 1)), (1, 1, 1, 1), "VALID"
    )
    inner = _away_from(smooth, images[:, 1:-1, 1:-1], sign, level)
    rows = tf.concat([images[:, 1:-1, :1], inner, images[:, 1:-1, -1:]], axis=2)
    return tf.concat([images[:, :1], rows, images[:, -1:]], axis=1)


def _posterize(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    dropped = 2 ** round(4 * level)
    return tf.cast(_bytes(images, scale) // dropped * dropped, tf.float32) * (scale / 255)


def _solarize(images: tf.Tensor, sign: tf.Tensor, *, level: float, scale: float) -> tf.Tensor:
    return tf.where(images >= (1 - level) * scale, scale - images, images) if level else images


def _away_from(base: tf.Tensor, images: tf.Tensor, sign: tf.Tensor, level: float) -> tf.Tensor:
    """Multiplies the distance to `base` by a factor above 1 where the sign is 1, below it where it is -1."""
    return base + (images - base) * (1 + sign * (0.9 * level))[:, tf.newaxis, tf.newaxis, tf.newaxis]


def _bytes(images: tf.Tensor, scale: float) -> tf.Tensor:
    return tf.cast(tf.round(images * (255 / scale)), tf.int32)


OPERATIONS = {
    "identity": _identity,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "brightness": _brightness,
    "contrast": _contrast,
    "color": _color,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
}
