"""Gaussian noise on a table's numeric columns."""

from pipeline.keras import tf


def draw_noise(rows: tf.Tensor | int, seed: tf.Tensor, deviations: tf.Tensor, noise: float) -> tf.Tensor:
    """Draws what is added to each value.

    Args:
        rows: How many.
        seed: Shape (2,).
        deviations: Standard deviation of each column, float32, shape (columns,); 0 keeps a column as it is.
        noise: Standard deviations.

    Returns:
        Float32, shape (rows, columns).
    """
    return tf.random.stateless_normal((rows, deviations.shape[0]), seed) * (deviations * noise)
