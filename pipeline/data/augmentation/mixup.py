"""Blending two examples and their targets (mixup, arXiv:1710.09412)."""

from pipeline.keras import tf


def draw_shares(count: tf.Tensor | int, seed: tf.Tensor, alpha: float) -> tf.Tensor:
    """Draws `count` shares from Beta(alpha, alpha), float32, 0 to 1.

    It is one of two Gamma(alpha) draws divided by their sum. A small alpha makes both underflow, so their logarithms
    are drawn, those of Gamma(alpha + 1) * U ** (1 / alpha), which is the same distribution.
    """
    for_gamma, for_power = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    gamma = tf.random.stateless_gamma((2, count), for_gamma, alpha + 1)
    # Uniform draws include 0 and not 1; the logarithm needs it the other way round.
    logs = tf.math.log(gamma) + tf.math.log(1 - tf.random.stateless_uniform((2, count), for_power)) / alpha
    return tf.sigmoid(logs[0] - logs[1])


def draw_partners(count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
    """Returns the index of each example's partner, int32, shape (count,): a random permutation."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed)


def blend(values: tf.Tensor, others: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Returns share * values + (1 - share) * others, float32; `share` is of shape (batch,)."""
    share = tf.reshape(share, [-1] + [1] * (len(values.shape) - 1))
    return share * values + (1 - share) * others


def mixup(
    features: tf.Tensor,
    targets: tf.Tensor,
    partners: tf.Tensor,
    share: tf.Tensor,
    categorical: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blends each example with its partner.

    Args:
        features: Float32, shape (batch, ...).
        targets: Float32, shape (batch, k) or (batch,).
        partners: The index of each example's partner, shape (batch,).
        share: Each example's own share, shape (batch,).
        categorical: Which columns of a table hold codes, bool, shape (columns,): these are taken from the example of
            the larger share.

    Returns:
        Features and targets.
    """
    others = tf.gather(features, partners)
    mixed = blend(features, others, share)
    if categorical is not None:
        mixed = tf.where(categorical, tf.where(share[:, tf.newaxis] >= 0.5, features, others), mixed)
    return mixed, blend(targets, tf.gather(targets, partners), share)
