"""Batches shared out among ranks and filled up, so that no example is lost, repeated or counted twice."""

from pipeline.keras import tf


def share_of(batch: tf.Tensor, rank: int, ranks: int, size: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns one rank's examples of a batch and their weights.

    A share that is too short is filled up with examples from the batch's start, of weight 0. The weights of the others
    are such that the mean over the ranks of the shares' weighted mean losses is the mean loss of the batch.

    Args:
        batch: Indices of examples, of shape (n,), n from 1.
        rank: From 0.
        ranks: How many share the batch; every example goes to one of them.
        size: Of each share, at least ceil(n / ranks), which is the default.

    Returns:
        Indices and float32 weights, each of shape (size,).
    """
    count = tf.shape(batch)[0]
    size = (count + ranks - 1) // ranks if size is None else size
    own = batch[rank::ranks]
    missing = size - tf.shape(own)[0]
    weight = tf.cast(size * ranks, tf.float32) / tf.cast(count, tf.float32)
    weights = tf.concat([tf.fill([size - missing], weight), tf.zeros([missing])], axis=0)
    return tf.concat([own, tf.gather(batch, tf.range(missing) % count)], axis=0), weights
