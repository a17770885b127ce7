"""What pruning and clustering have left in a layer's kernel, which later training must keep."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.keras import keras

SPARSE = 0.05
"""Share of exact zeros from which a kernel counts as pruned; training alone makes none."""

CODES = 255
"""As many values as 8 bits tell apart around zero: a kernel with more is not clustered."""


@dataclass(frozen=True)
class WeightForm:
    """The form of a kernel.

    Attributes:
        sparsity: Share of zeros.
        distinct: How many different values it has, zero among them.
        sparse: Whether it was pruned.
        clustered: Whether few values stand for many weights.
    """

    sparsity: float
    distinct: int
    sparse: bool
    clustered: bool


def weight_form(kernel: Any) -> WeightForm:
    """Returns the form of a kernel of any shape.

    A small kernel has few values and is not clustered for that: among its weights that are not zero, a value must occur
    twice on average.
    """
    values = np.asarray(kernel)
    kept = values[values != 0]
    distinct = len(np.unique(kept))
    sparsity = float(np.mean(values == 0))
    return WeightForm(
        sparsity=sparsity,
        distinct=distinct + (kept.size < values.size),
        sparse=sparsity >= SPARSE,
        clustered=0 < distinct <= min(CODES, kept.size // 2),
    )


def kernel_forms(model: keras.Model) -> dict[str, WeightForm]:
    """Returns the form of the kernel of each Dense and Conv2D layer, by name."""
    kinds = (keras.layers.Dense, keras.layers.Conv2D)
    plain = [layer for layer in model.layers if isinstance(layer, kinds) and hasattr(layer, "kernel")]
    return {layer.name: weight_form(layer.kernel.numpy()) for layer in plain}
