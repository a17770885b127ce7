"""Rotation, translation, zoom and shear about an image's centre.

A transform is a float32 matrix of shape (3, 3) that takes the place (x right, y down, 1) of a pixel, in pixels from the
image's centre, to its new place.
"""

import math
from itertools import chain

from pipeline.keras import tf


def draw_warps(
    count: tf.Tensor | int,
    seeds: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    sides: tuple[int, int],
    *,
    rotate: float,
    translate: float,
    scale: float,
) -> tf.Tensor:
    """Draws a zoom, a rotation, and a move after them, for each of `count` images.

    Args:
        count: Images.
        seeds: Of the rotation, the move and the zoom.
        sides: Height and width of the images.
        rotate: Degrees, each way.
        translate: Share of the side, each way along each axis.
        scale: The zoom is 1 - scale to 1 + scale.

    Returns:
        Transforms, shape (count, 3, 3), each value drawn uniformly.
    """
    degrees = tf.random.stateless_uniform((count,), seeds[0], -1, 1) * rotate
    moves = tf.random.stateless_uniform((2, count), seeds[1], -1, 1) * translate
    zoom = 1 + tf.random.stateless_uniform((count,), seeds[2], -1, 1) * scale
    turned = rotation(degrees) * tf.stack([zoom, zoom, tf.ones_like(zoom)], axis=1)[:, tf.newaxis]
    return translation(moves[0] * sides[1], moves[1] * sides[0]) @ turned


def rotation(degrees: tf.Tensor) -> tf.Tensor:
    """Returns transforms that turn counterclockwise; `degrees` is of shape (batch,)."""
    angle = degrees * (math.pi / 180)
    return _transforms([[tf.cos(angle), tf.sin(angle), 0], [-tf.sin(angle), tf.cos(angle), 0]], angle)


def translation(right: tf.Tensor, down: tf.Tensor) -> tf.Tensor:
    """Returns transforms that move by so many pixels, each of shape (batch,)."""
    return _transforms([[1, 0, right], [0, 1, down]], right)


def shear(along_x: tf.Tensor, along_y: tf.Tensor) -> tf.Tensor:
    """Returns transforms that move each row right by `along_x` of its y, or each column down by `along_y` of its x."""
    return _transforms([[1, along_x, 0], [along_y, 1, 0]], along_x)


def warp(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Transforms each image about its centre, bilinear, zeros outside.

    Args:
        images: Shape (batch, h, w, c), float32: the operation would cut off the decimals of integers.
        transforms: Shape (batch, 3, 3).

    Returns:
        Images of the same shape.
    """
    height, width = images.shape[1:3]
    centre = [[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]]
    back = [[1, 0, (1 - width) / 2], [0, 1, (1 - height) / 2], [0, 0, 1]]
    sources = tf.constant(centre) @ tf.linalg.inv(transforms) @ tf.constant(back)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.reshape(sources, (-1, 9))[:, :8],
        output_shape=(height, width),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def _transforms(rows: list[list[tf.Tensor | int]], like: tf.Tensor) -> tf.Tensor:
    values = [value if tf.is_tensor(value) else tf.fill(tf.shape(like), float(value)) for value in chain(*rows)]
    values += [tf.zeros_like(like), tf.zeros_like(like), tf.ones_like(like)]
    return tf.reshape(tf.stack(values, axis=1), (-1, 3, 3))
