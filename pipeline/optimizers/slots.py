"""An optimizer's state, one slot a quantity: in float32, or in 2 bytes or 1 a value.

A smaller slot is widened for the step and narrowed after it. Narrowing rounds at random, up or down with the
probability that keeps the mean: rounded to the nearest, a slot stalls whose change in a step is less than half of its
resolution, and the second moment of Adam changes by 0.1 % where bfloat16 resolves 0.4 %.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

from pipeline.keras import tf
from pipeline.optimizers.transient import read, transient

BLOCK = 2048
"""Values that share one scale (Dettmers et al., arXiv:2110.02861)."""

PERIOD = 65536
"""Values that are rounded with a noise of their own in a step."""

STATE_DTYPES = ("float32", "bfloat16", "int8")

AddVariable = Callable[..., tf.Variable]
"""Makes a variable of the optimizer's: `add(shape, dtype=, name=)`."""


class Slot(abc.ABC):
    """The state of one quantity for one variable, or for several laid end to end.

    Attributes:
        shape: Of the values.
        variables: Those that hold them.
    """

    shape: tuple[int, ...]
    variables: list[tf.Variable]

    @property
    def bytes(self) -> int:
        """What it occupies."""
        return sum(math.prod(each.shape) * each.dtype.size for each in self.variables)

    @abc.abstractmethod
    def read(self) -> tf.Tensor:
        """Returns the values as they are computed with."""

    def open(self) -> tf.Tensor:
        """Returns the handle of a variable that holds the values, for a kernel to update."""
        return transient(self.read())

    def close(self, handle: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Stores what the kernel left; `noise` as in `write`. Returns an operation after which it is stored."""
        return self.write(read(handle, self.shape), noise)

    @abc.abstractmethod
    def write(self, values: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Stores new values.

        Args:
            values: Of the slot's shape.
            noise: From `draw_noise`, at least as many as values; None rounds to the nearest.
        """


class FullSlot(Slot):
    """Values as they are computed with."""

    def __init__(self, add: AddVariable, shape: Any, dtype: tf.DType, name: str) -> None:
        self.shape, self.variables = shape, [add(shape, dtype=dtype, name=name)]

    def read(self) -> tf.Tensor:
        """Returns the values."""
        return self.variables[0].read_value()

    def open(self) -> tf.Tensor:
        """Returns the handle of the variable itself."""
        return self.variables[0].handle

    def close(self, handle: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Does nothing: the kernel has updated the variable itself."""

    def write(self, values: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Stores new values."""
        del noise
        return self.variables[0].assign(values)


class Bfloat16Slot(Slot):
    """The upper half of each float32: 8 bits of exponent, 7 of mantissa."""

    def __init__(self, add: AddVariable, shape: Any, name: str) -> None:
        self.shape, self.variables = shape, [add(shape, dtype=tf.bfloat16, name=name)]

    def read(self) -> tf.Tensor:
        """Returns the values as float32."""
        return tf.cast(self.variables[0], tf.float32)

    def write(self, values: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Adds noise below the last bit that is kept, then takes the upper half."""
        if noise is None:
            return self.variables[0].assign(tf.cast(values, tf.bfloat16))
        bits = tf.reshape(tf.bitcast(values, tf.int32), [-1])
        halves = tf.bitcast(bits + noise[: math.prod(values.shape)], tf.uint16)  # the lower, then the upper
        return self.variables[0].assign(tf.reshape(tf.bitcast(halves[:, 1], tf.bfloat16), values.shape))


class Int8Slot(Slot):
    """One byte a value and one float32 scale a block: the block's largest magnitude, and roots of the shares of it.

    The codes are spaced evenly in the square root of a signed value and in the fourth root of one that is never
    negative, so that small values keep a relative resolution. Dettmers et al. space theirs by a table, whose look-up
    costs several times the arithmetic here.
    """

    def __init__(self, add: AddVariable, shape: Any, name: str, *, signed: bool) -> None:
        count = math.prod(shape)
        block = block_size(count)
        self.shape, self._signed = shape, signed
        initial = tf.constant_initializer(128 if signed else 0)
        self._codes = add((count // block, block), dtype=tf.uint8, name=f"{name}/codes", initializer=initial)
        self._scales = add((count // block, 1), dtype=tf.float32, name=f"{name}/scales")
        self.variables = [self._codes, self._scales]

    def read(self) -> tf.Tensor:
        """Returns the values as float32."""
        codes = tf.cast(self._codes, tf.float32)
        if self._signed:
            codes = codes - 128.0
            return tf.reshape(codes * tf.abs(codes) * (self._scales / 127.0**2), self.shape)
        return tf.reshape(tf.square(tf.square(codes)) * (self._scales / 255.0**4), self.shape)

    def write(self, values: tf.Tensor, noise: tf.Tensor | None) -> Any:
        """Finds each block's scale, then rounds the roots of the shares."""
        blocks = tf.reshape(values, self._codes.shape)
        shift = 0.5 if noise is None else tf.reshape(noise[: math.prod(values.shape)], self._codes.shape)
        sizes = tf.abs(blocks) if self._signed else blocks
        scales = tf.reduce_max(sizes, axis=1, keepdims=True)
        if self._signed:
            roots = tf.math.multiply_no_nan(tf.math.rsqrt(sizes), blocks)  # of the sign of the values
            codes = roots * tf.sqrt(tf.math.divide_no_nan(127.0**2, scales)) + (shift + 128.0)
        else:
            # Never 0 where the block has values: a second moment of 0 would turn any first moment into a huge step.
            roots = tf.sqrt(tf.sqrt(blocks * tf.math.divide_no_nan(255.0**4, scales)))
            codes = tf.clip_by_value(roots + shift, 1.0, 255.0)
        with tf.control_dependencies([self._scales.assign(scales)]):
            return self._codes.assign(tf.cast(codes, tf.uint8))


def draw_noise(state_dtype: str, count: int, step: tf.Tensor) -> tf.Tensor | None:
    """Returns what slots of a type round with at a step, shape (count,): the same at the same step, run after run.

    It repeats after `PERIOD` values: drawing one costs ten times copying it.
    """
    if state_dtype == "float32":
        return None
    seed = tf.stack([tf.constant(0, tf.int64), tf.cast(step, tf.int64)])
    drawn = min(count, PERIOD)
    if state_dtype == "bfloat16":
        bits = tf.random.stateless_uniform([drawn], seed, minval=None, maxval=None, dtype=tf.int32)
        noise = tf.bitwise.bitwise_and(bits, 65535)
    else:
        noise = tf.random.stateless_uniform([drawn], seed)
    return tf.tile(noise, [math.ceil(count / drawn)])[:count]


def block_size(count: int) -> int:
    """Returns the length of equal blocks, at most `BLOCK` and more than a quarter of it, or 0 where there is none.

    Fewer values than a quarter of `BLOCK` are one block.
    """
    if count <= BLOCK:
        return count
    fewest, most = -(-count // BLOCK), count // (BLOCK // 4)
    return next((count // blocks for blocks in range(fewest, most) if count % blocks == 0), 0)
