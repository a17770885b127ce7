"""A picture of what an augmentation does to some images."""

import numpy as np

from pipeline.data.augmentation.apply import augment
from pipeline.data.augmentation.policy import Augmentation
from pipeline.keras import tf

_LEAST_SIDE = 96
_GAP = 4


def preview(images: np.ndarray, info_scale: float, augmentation: Augmentation, *, seed: int, variants: int) -> bytes:
    """Draws a grid with a row for each image: the original, then `variants` of it.

    Args:
        images: Shape (n, h, w, c), 0 to `info_scale`, of 1 (grey), 3 (RGB) or 4 (RGBA) channels.
        info_scale: The images' greatest value.
        augmentation: What to do; it must have passed `check`. Mixing takes the partners from these images.
        seed: Any int64.
        variants: Columns after the first.

    Returns:
        A PNG file. Images that are small are enlarged by a whole factor.

    Raises:
        ValueError: When there is no image or no variant, or the channels are of another number.
    """
    if images.ndim != 4 or not len(images) or images.shape[3] not in (1, 3, 4):
        raise ValueError(f"images of shape {images.shape} can't be shown; accepted: (n, h, w, c) with c 1, 3 or 4")
    if variants < 1:
        raise ValueError(f"variants {variants}; accepted: 1 or more")
    originals, targets = tf.constant(images), tf.zeros((len(images), 1))
    columns = [originals]
    for variant in range(variants):
        columns.append(
            augment(originals, targets, tf.constant([seed, variant], tf.int64), augmentation, scale=info_scale)[0]
        )
    tiles = tf.cast(tf.stack(columns, axis=1), tf.float32) * (255 / info_scale)
    return tf.io.encode_png(_grid(tf.cast(tf.clip_by_value(tf.round(tiles), 0, 255), tf.uint8).numpy())).numpy()


def _grid(tiles: np.ndarray) -> np.ndarray:
    """Lays out tiles of shape (rows, columns, h, w, c) with white between them."""
    factor = max(1, -(-_LEAST_SIDE // max(tiles.shape[2:4])))
    large = tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    framed = np.pad(large, [(0, 0), (0, 0), (_GAP, 0), (_GAP, 0), (0, 0)], constant_values=255)
    rows, columns, height, width, channels = framed.shape
    grid = framed.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    return np.pad(grid, [(0, _GAP), (0, _GAP), (0, 0)], constant_values=255)
