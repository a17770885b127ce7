"""Random flips and shifts of a whole batch at once, each image with its own draw."""

from collections.abc import Sequence

from pipeline.keras import tf


def augment(images: tf.Tensor, seed: tf.Tensor, *, flip: bool, shift: int) -> tf.Tensor:
    """Shifts each image at random, zeros moving in, then mirrors each left to right with probability 0.5.

    Args:
        images: Shape (batch, h, w, c), any dtype.
        seed: Shape (2,), int32 or int64; the same seed gives the same images.
        flip: Whether to mirror.
        shift: The most pixels that an image moves, each way along each axis.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ValueError: As `check_augmentable`.
    """
    check_augmentable(images.shape.as_list(), shift)
    if not flip and not shift:
        return images
    mirrored, down, right = draw(tf.shape(images)[0], seed, shift)
    height, width = images.shape[1:3]
    rows = tf.range(height) + shift - down[:, tf.newaxis]
    columns = tf.broadcast_to(tf.range(width), (tf.shape(images)[0], width))
    if flip:
        columns = tf.where(mirrored[:, tf.newaxis], width - 1 - columns, columns)
    columns += shift - right[:, tf.newaxis]
    padded = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]])
    shifted = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.ensure_shape(tf.gather(shifted, columns, axis=2, batch_dims=1), images.shape)


def check_augmentable(shape: Sequence[int | None], shift: int) -> None:
    """Refuses what can't be augmented.

    Args:
        shape: The features', the batch first; h and w must be known.
        shift: As in `augment`.

    Raises:
        ValueError: When the shape isn't (batch, h, w, c), or `shift` isn't from 0 to less than h and w.
    """
    if len(shape) != 4:
        raise ValueError(f"features of shape {tuple(shape)} can't be augmented; accepted: (batch, h, w, c)")
    side = min(side or 0 for side in shape[1:3])
    if not 0 <= shift < side:
        raise ValueError(f"shift {shift} of images of shape {tuple(shape[1:])}; accepted: 0 to {side - 1}")


def draw(count: tf.Tensor | int, seed: tf.Tensor, shift: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draws what `augment` does to each of `count` images.

    Returns:
        Whether each is mirrored, bool, and the pixels it moves down and right, int32, each of shape (count,).
    """
    for_flip, for_shift = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    mirrored = tf.random.stateless_uniform((count,), for_flip) < 0.5
    moves = tf.random.stateless_uniform((2, count), for_shift, minval=-shift, maxval=shift + 1, dtype=tf.int32)
    return mirrored, moves[0], moves[1]
