"""Mirroring, and cropping from a padded image: whole pixels only, so exact in any dtype.

Rows are gathered, which copies memory. Gathering columns would copy pixel by pixel; instead, the images that move alike
are sliced together, which takes half the time or less.
"""

from functools import partial

from pipeline.data.augmentation.choice import by_choice
from pipeline.keras import tf


def draw_flips(count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
    """Returns whether each of `count` images is mirrored, bool, shape (count,); each is with probability 0.5."""
    return tf.random.stateless_uniform((count,), seed) < 0.5


def draw_moves(count: tf.Tensor | int, seed: tf.Tensor, crop: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixels that each of `count` images moves down and right, int32, uniform in -crop to crop."""
    moves = tf.random.stateless_uniform((2, count), seed, minval=-crop, maxval=crop + 1, dtype=tf.int32)
    return moves[0], moves[1]


def move_rows(images: tf.Tensor, upended: tf.Tensor | None, down: tf.Tensor | None, crop: int) -> tf.Tensor:
    """Mirrors images top to bottom, then moves them down, zeros moving in.

    Args:
        images: Shape (batch, h, w, c), any dtype; h, w and c must be known.
        upended: Which ones are mirrored, bool, shape (batch,); None for none.
        down: Pixels that each moves, int32, shape (batch,), at most `crop` either way; None for 0.
        crop: The bound.
    """
    if upended is None and down is None:
        return images
    height = images.shape[1]
    rows = tf.broadcast_to(tf.range(height), (tf.shape(images)[0], height))
    if down is not None:
        rows -= down[:, tf.newaxis]
        images = tf.pad(images, [[0, 0], [crop, crop], [0, 0], [0, 0]])
    if upended is not None:
        rows = tf.where(upended[:, tf.newaxis], height - 1 - rows, rows)
    return tf.gather(images, rows + (0 if down is None else crop), axis=1, batch_dims=1)


def move_columns(images: tf.Tensor, mirrored: tf.Tensor | None, right: tf.Tensor | None, crop: int) -> tf.Tensor:
    """Mirrors images left to right, then moves them right, zeros moving in; else as `move_rows`."""
    choice = tf.zeros(tf.shape(images)[:1], tf.int32)
    moves = range(-crop, crop + 1) if right is not None else range(1)
    functions = [partial(_moved, move=move) for move in moves]
    if right is not None:
        choice += right + crop
    if mirrored is not None:
        choice += tf.cast(mirrored, tf.int32) * len(functions)
        functions += [partial(_moved_mirrored, move=move) for move in moves]
    return by_choice(choice, functions, images)


def _moved(images: tf.Tensor, move: int) -> tf.Tensor:
    if not move:
        return images
    kept = images[:, :, max(-move, 0) : images.shape[2] - max(move, 0)]
    return tf.pad(kept, [[0, 0], [0, 0], [max(move, 0), max(-move, 0)], [0, 0]])


def _moved_mirrored(images: tf.Tensor, move: int) -> tf.Tensor:
    return _moved(tf.reverse(images, [2]), move)
