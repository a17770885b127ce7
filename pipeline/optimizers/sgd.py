"""Stochastic gradient descent for Keras, with or without momentum."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras, tf
from pipeline.optimizers.base import FusedOptimizer
from pipeline.optimizers.rule import Coefficients


@keras.saving.register_keras_serializable("frugal")
class SGD(FusedOptimizer):
    """Gradient descent, with momentum (Polyak, 1964) or Nesterov's (Sutskever et al., ICML 2013).

    With the gradient g of weights w, the rate η and the momentum μ, a step is, without momentum,

        w ← w - η g

    and with it

        m ← μ m - η g
        w ← w + m                  or, Nesterov's,    w ← w + μ m - η g

    which is what `tf_keras.optimizers.SGD` computes, in one pass over memory. Without momentum there is no state, and
    a sparse gradient touches its own rows only and is exact.

    Args:
        learning_rate: A number, a schedule, or a variable, which stays the caller's to change.
        momentum: μ, 0 to below 1.
        nesterov: Whether to look ahead along the momentum.
        name: Of the optimizer.
        **kwargs: As in `FusedOptimizer`: decay, clipping, averages, accumulation, sparse updates, state type.

    Raises:
        ValueError: For a setting out of range, or two that exclude each other.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "SGD",
        **kwargs: Any,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum={momentum}; accepted: 0 to below 1")
        super().__init__(name=name, learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The momentum, where there is one."""
        return ("momentums",) if self.momentum else ()

    @property
    def flattens(self) -> bool:
        """Whether there is a state to narrow: the kernels are so short that copying gradients would cost more."""
        return bool(self.momentum) and self.state_dtype != "float32"

    def coefficients(self, dtype: tf.DType) -> Coefficients:
        """Returns the rate."""
        return {"lr": tf.cast(self.learning_rate, dtype)}

    def kernel(self, target: tf.Tensor, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients) -> Any:
        """See `Rule`."""
        if not slots:
            return tf.raw_ops.ResourceApplyGradientDescent(var=target, alpha=scalars["lr"], delta=gradient)
        return tf.raw_ops.ResourceApplyKerasMomentum(
            var=target,
            accum=slots[0],
            lr=scalars["lr"],
            grad=gradient,
            momentum=tf.constant(self.momentum, gradient.dtype),
            use_nesterov=self.nesterov,
        )

    def plain(
        self, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See `Rule`."""
        change = -scalars["lr"] * gradient
        if not slots:
            return change, []
        momentum = self.momentum * slots[0] + change
        return (self.momentum * momentum + change if self.nesterov else momentum), [momentum]

    def rows(
        self, variable: tf.Variable, gradient: tf.IndexedSlices, slots: Sequence[tf.Variable], scalars: Coefficients
    ) -> Any:
        """See `FusedOptimizer`."""
        if not slots:
            return variable.scatter_sub(tf.IndexedSlices(scalars["lr"] * gradient.values, gradient.indices))
        return tf.raw_ops.ResourceSparseApplyKerasMomentum(
            var=variable.handle,
            accum=slots[0].handle,
            lr=scalars["lr"],
            grad=gradient.values,
            indices=gradient.indices,
            momentum=tf.constant(self.momentum, gradient.values.dtype),
            use_nesterov=self.nesterov,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns all settings, as the constructor takes them."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
