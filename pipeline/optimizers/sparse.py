"""Gradients that are rows and their places."""

from typing import Any, TypeGuard

from pipeline.keras import tf


def is_sparse(gradient: Any) -> TypeGuard[tf.IndexedSlices]:
    """Whether a gradient is rows and their places."""
    return isinstance(gradient, tf.IndexedSlices)


def densified(gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor | None:
    """Returns a sparse gradient, whose rows are there once each, as a dense one; others as they are."""
    if is_sparse(gradient):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])
    return gradient
