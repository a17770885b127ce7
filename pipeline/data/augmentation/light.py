"""Brightness and contrast."""

from pipeline.keras import tf


def draw_light(
    count: tf.Tensor | int, seeds: tuple[tf.Tensor, tf.Tensor], *, brightness: float, contrast: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws for each of `count` images what is added to its values and the factor of its contrast.

    Returns:
        Float32, each of shape (count,), uniform: -brightness to brightness, and 1 - contrast to 1 + contrast.
    """
    added = tf.random.stateless_uniform((count,), seeds[0], -1, 1) * brightness
    factor = 1 + tf.random.stateless_uniform((count,), seeds[1], -1, 1) * contrast
    return added, factor


def light(images: tf.Tensor, added: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies each value's distance to its image's mean by `factor`, then adds `added`; nothing is clipped.

    Args:
        images: Shape (batch, h, w, c), float32. The mean is over all of an image's values.
        added: Shape (batch,).
        factor: The same.
    """
    mean = tf.reduce_mean(images, axis=(1, 2, 3))
    offset = mean * (1 - factor) + added
    return images * factor[:, tf.newaxis, tf.newaxis, tf.newaxis] + offset[:, tf.newaxis, tf.newaxis, tf.newaxis]
