"""Rectangles zeroed (Cutout, arXiv:1708.04552) or taken from another image (CutMix, arXiv:1905.04899).

A box is int32 (top, bottom, left, right), the bottom and right left out, cut off at the image's border.
"""

from pipeline.data.augmentation.mixup import blend, draw_shares
from pipeline.keras import tf


def draw_squares(count: tf.Tensor | int, seed: tf.Tensor, *, height: int, width: int, side: int) -> tf.Tensor:
    """Returns Cutout's boxes, shape (count, 4): squares of `side` pixels about a pixel drawn uniformly."""
    y, x = _draw_pixels(count, seed, height, width)
    top, left = y - side // 2, x - side // 2
    return _boxes(top, top + side, left, left + side, height, width)


def draw_rectangles(count: tf.Tensor | int, seed: tf.Tensor, *, height: int, width: int, alpha: float) -> tf.Tensor:
    """Returns CutMix's boxes, shape (count, 4).

    As in the authors' code: the sides' share is the root of what a share drawn from Beta(alpha, alpha) leaves, and the
    centre is a pixel drawn uniformly.
    """
    for_share, for_centre = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    side = tf.sqrt(1 - draw_shares(count, for_share, alpha))
    half_height, half_width = (tf.cast(side * length, tf.int32) // 2 for length in (height, width))
    y, x = _draw_pixels(count, for_centre, height, width)
    return _boxes(y - half_height, y + half_height, x - half_width, x + half_width, height, width)


def cutout(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Zeroes the box in each image; shape (batch, h, w, c), any dtype."""
    return images * tf.cast(~_inside(images, boxes), images.dtype)


def cutmix(images: tf.Tensor, targets: tf.Tensor, partners: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills the box in each image from its partner, and blends their targets by their shares of the pixels.

    Args:
        images: Shape (batch, h, w, c), any dtype.
        targets: Float32, shape (batch, k) or (batch,).
        partners: The index of each image's partner, shape (batch,).
        boxes: Shape (batch, 4).
    """
    top, bottom, left, right = tf.unstack(boxes, axis=1)
    pixels = tf.cast((bottom - top) * (right - left), tf.float32)
    mixed = tf.where(_inside(images, boxes), tf.gather(images, partners), images)
    own = 1 - pixels / (images.shape[1] * images.shape[2])
    return tf.ensure_shape(mixed, images.shape), blend(targets, tf.gather(targets, partners), own)


def _draw_pixels(count: tf.Tensor | int, seed: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
    pixel = tf.random.stateless_uniform((count,), seed, minval=0, maxval=height * width, dtype=tf.int32)
    return pixel // width, pixel % width


def _boxes(top: tf.Tensor, bottom: tf.Tensor, left: tf.Tensor, right: tf.Tensor, height: int, width: int) -> tf.Tensor:
    tops, bottoms = tf.clip_by_value(top, 0, height), tf.clip_by_value(bottom, 0, height)
    return tf.stack([tops, bottoms, tf.clip_by_value(left, 0, width), tf.clip_by_value(right, 0, width)], axis=1)


def _inside(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Returns whether each pixel is in its image's box, shape (batch, h, w, 1)."""
    y, x = tf.range(images.shape[1]), tf.range(images.shape[2])
    top, bottom, left, right = tf.unstack(boxes[:, :, tf.newaxis], axis=1)
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    return (rows[:, :, tf.newaxis] & columns[:, tf.newaxis])[..., tf.newaxis]
