"""Which variables an optimizer updates together.

A large variable is a unit of its own, which a fused kernel updates in one pass over memory. For many small ones the
cost is in starting kernels, so their gradients and states are laid end to end and updated by one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.keras import tf
from pipeline.optimizers.slots import BLOCK, block_size

SMALL = 65536
"""Values below which a variable is laid end to end with others; above it, copying costs more than starting a kernel."""


@dataclass(frozen=True)
class Unit:
    """Variables that are updated together.

    Attributes:
        indices: Their places in the list that the optimizer was built on.
        shapes: Of each.
        dtype: Of all.
        flat: Whether their state is laid end to end, filled up to whole blocks, rather than of the one's shape.
    """

    indices: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtype: tf.DType
    flat: bool

    @property
    def sizes(self) -> list[int]:
        """How many values each variable has."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def padding(self) -> int:
        """How many values fill the last block."""
        return -sum(self.sizes) % BLOCK if self.flat else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the state."""
        return (sum(self.sizes) + self.padding,) if self.flat else self.shapes[0]

    def join(self, values: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Returns the values of its variables as one tensor of the state's shape; zeros for those that are None."""
        if not self.flat:
            return values[0]
        parts = [
            tf.zeros([size], self.dtype) if each is None else tf.reshape(each, [size])
            for each, size in zip(values, self.sizes, strict=True)
        ]
        return tf.concat([*parts, tf.zeros([self.padding], self.dtype)] if self.padding else parts, axis=0)

    def split(self, joined: tf.Tensor) -> list[tf.Tensor]:
        """Returns what `join` joined."""
        if not self.flat:
            return [joined]
        parts = tf.split(joined, [*self.sizes, self.padding] if self.padding else self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=False)]

    def mask(self, present: Sequence[bool]) -> np.ndarray:
        """Returns, of a flat state's shape, whether a value belongs to a variable that is present."""
        return np.repeat([*present, False], [*self.sizes, self.padding])


def make_units(variables: Sequence[tf.Variable], *, small: int, blocks: bool) -> list[Unit]:
    """Groups variables, the flat unit of each type and device before the large variables.

    Args:
        variables: With known shapes.
        small: How many values a variable must have to be a unit of its own.
        blocks: Whether the state is stored in blocks; a variable that no block size divides is then a flat unit.
    """
    flat: dict[tuple[tf.DType, str], list[int]] = {}
    single: list[Unit] = []
    for index, variable in enumerate(variables):
        size, dtype = math.prod(variable.shape), true_dtype(variable)
        if size < small:
            flat.setdefault((dtype, variable.device), []).append(index)
        else:
            single.append(Unit((index,), (tuple(variable.shape),), dtype, flat=blocks and not block_size(size)))
    together = [
        Unit(tuple(indices), tuple(tuple(variables[index].shape) for index in indices), dtype, flat=True)
        for (dtype, _), indices in flat.items()
    ]
    return [*together, *single]


def true_dtype(variable: tf.Variable) -> tf.DType:
    """Returns the type that a variable is stored in; under mixed precision it is read as another."""
    return getattr(variable, "true_dtype", variable.dtype)
