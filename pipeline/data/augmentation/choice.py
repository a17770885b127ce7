"""Another function for each example of a batch."""

from collections.abc import Callable, Sequence

from pipeline.keras import tf


def by_choice(
    choice: tf.Tensor, functions: Sequence[Callable[..., tf.Tensor]], examples: tf.Tensor, *arguments: tf.Tensor
) -> tf.Tensor:
    """Changes each example with its own function, which is called once with all of its examples.

    Args:
        choice: The index of each example's function, int32, shape (batch,).
        functions: Of some examples, perhaps none, and their arguments; each keeps shape and dtype.
        examples: Shape (batch, ...).
        arguments: Values of each example, shape (batch, ...).

    Returns:
        The changed examples, in their order.
    """
    count = len(functions)
    if count == 1:
        return functions[0](examples, *arguments)
    places = tf.dynamic_partition(tf.range(tf.shape(choice)[0]), choice, count)
    parts = zip(*(tf.dynamic_partition(values, choice, count) for values in (examples, *arguments)), strict=True)
    changed = [function(*part) for function, part in zip(functions, parts, strict=True)]
    return tf.ensure_shape(tf.dynamic_stitch(places, changed), examples.shape)
