"""Variables that live for one step, because TensorFlow's fused kernels update variables and not tensors."""

from pipeline.keras import tf

ANONYMOUS = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"
"""`tensorflow::ResourceHandle::ANONYMOUS_NAME`: each step makes a new one, freed with its handle."""


def transient(value: tf.Tensor) -> tf.Tensor:
    """Returns the handle of a new variable that holds a tensor; the tensor is not copied where nobody else holds it."""
    handle = tf.raw_ops.VarHandleOp(dtype=value.dtype, shape=value.shape, shared_name=ANONYMOUS)
    tf.raw_ops.AssignVariableOp(resource=handle, value=value)
    return handle


def transient_zeros(shape: tuple[int, ...], dtype: tf.DType) -> tf.Tensor:
    """Returns the handle of a new variable of zeros."""
    # A constant would be shared, and copied by the kernel that updates it.
    return transient(tf.ensure_shape(tf.raw_ops.Empty(shape=shape, dtype=dtype, init=True), shape))


def read(handle: tf.Tensor, shape: tuple[int, ...], dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Returns what the variable of a handle holds."""
    return tf.ensure_shape(tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype), shape)
