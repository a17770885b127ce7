"""Gradients of bounded size, each clipped when its turn comes rather than all before the first update."""

import math
from collections.abc import Callable, Sequence

from pipeline.keras import tf


def make_clip(
    gradients: Sequence[tf.Tensor],
    *,
    clipnorm: float | None,
    clipvalue: float | None,
    global_clipnorm: float | None,
) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Returns what clips one of the gradients as `tf_keras` does, or None where nothing is to be done.

    Args:
        gradients: All of a step, dense.
        clipnorm: Largest L2 norm of each.
        clipvalue: Largest magnitude of each entry.
        global_clipnorm: Largest L2 norm of all together; one that isn't finite makes all of them NaN.
    """
    if clipnorm:
        return lambda each: each * (clipnorm / tf.maximum(tf.sqrt(2 * tf.nn.l2_loss(each)), clipnorm))
    if global_clipnorm:
        norm = tf.linalg.global_norm(gradients)
        scale = tf.where(tf.math.is_finite(norm), global_clipnorm / tf.maximum(norm, global_clipnorm), math.nan)
        return lambda each: each * tf.cast(scale, each.dtype)
    if clipvalue:
        return lambda each: tf.clip_by_value(each, -clipvalue, clipvalue)
    return None
