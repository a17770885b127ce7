"""Adam for Keras."""

from collections.abc import Sequence
from typing import Any

from pipeline.keras import keras, tf
from pipeline.optimizers.base import FusedOptimizer
from pipeline.optimizers.rule import Coefficients


@keras.saving.register_keras_serializable("frugal")
class Adam(FusedOptimizer):
    """Adam (Kingma and Ba, arXiv:1412.6980), AdamW with `weight_decay`, AMSGrad (arXiv:1904.09237) with `amsgrad`.

    With the gradient g of weights w at step t = 1, 2, ... and the rate η,

        m ← m + (1 - β₁) (g - m)
        v ← v + (1 - β₂) (g² - v)
        w ← w - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    and for AMSGrad v̂ ← max(v̂, v) takes the place of v in the last line. This is what `tf_keras.optimizers.Adam`
    computes, ε outside of the correction of the bias included, in one pass over memory.

    Args:
        learning_rate: A number, a schedule, or a variable, which stays the caller's to change.
        beta_1: β₁, 0 to below 1.
        beta_2: β₂, 0 to below 1.
        epsilon: ε, above 0.
        amsgrad: Whether steps are divided by the largest v so far.
        name: Of the optimizer.
        **kwargs: As in `FusedOptimizer`: decay, clipping, averages, accumulation, sparse updates, state type.

    Raises:
        ValueError: For a setting out of range, or two that exclude each other.
    """

    unsigned_slots = ("velocities", "velocity_hats")
    steady_slots = ("velocity_hats",)  # a maximum that is rounded at random would creep up

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "Adam",
        **kwargs: Any,
    ) -> None:
        for key, value in {"beta_1": beta_1, "beta_2": beta_2}.items():
            if not 0 <= value < 1:
                raise ValueError(f"{key}={value}; accepted: 0 to below 1")
        if epsilon <= 0:
            raise ValueError(f"epsilon={epsilon}; accepted: above 0")
        super().__init__(name=name, learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    @property
    def slot_names(self) -> tuple[str, ...]:
        """M and v, and v̂ for AMSGrad."""
        return ("momentums", "velocities", "velocity_hats") if self.amsgrad else ("momentums", "velocities")

    def coefficients(self, dtype: tf.DType) -> Coefficients:
        """Returns the rate with the correction of the bias."""
        # In float64, of the betas that the kernel has: 1 - β₂ᵗ of float32 loses 4 digits at the first step.
        step = tf.cast(self.iterations + 1, tf.float64)
        first, second = (1 - tf.cast(tf.constant(each, dtype), tf.float64) ** step for each in self._betas)
        rate = tf.cast(self.learning_rate, tf.float64) * tf.sqrt(second) / first
        return {"rate": tf.cast(rate, dtype)}

    @property
    def _betas(self) -> tuple[float, float]:
        return self.beta_1, self.beta_2

    def kernel(self, target: tf.Tensor, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients) -> Any:
        """See `Rule`."""
        number = lambda value: tf.constant(value, gradient.dtype)  # noqa: E731
        common = {
            "var": target,
            "m": slots[0],
            "v": slots[1],
            "beta1_power": number(0.0),  # the rate holds the correction of the bias
            "beta2_power": number(0.0),
            "lr": scalars["rate"],
            "beta1": number(self.beta_1),
            "beta2": number(self.beta_2),
            "epsilon": number(self.epsilon),
            "grad": gradient,
        }
        if self.amsgrad:
            return tf.raw_ops.ResourceApplyAdamWithAmsgrad(vhat=slots[2], **common)
        return tf.raw_ops.ResourceApplyAdam(**common)

    def plain(
        self, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See `Rule`."""
        momentum = slots[0] + (gradient - slots[0]) * (1 - self.beta_1)
        velocity = slots[1] + (tf.square(gradient) - slots[1]) * (1 - self.beta_2)
        state = [momentum, velocity, *(tf.maximum(slot, velocity) for slot in slots[2:])]
        return -scalars["rate"] * momentum / (tf.sqrt(state[-1]) + self.epsilon), state

    def rows(
        self, variable: tf.Variable, gradient: tf.IndexedSlices, slots: Sequence[tf.Variable], scalars: Coefficients
    ) -> Any:
        """See `FusedOptimizer`."""
        indices = gradient.indices
        change, state = self.plain(gradient.values, [tf.gather(slot, indices) for slot in slots], scalars)
        for slot, values in zip(slots, state, strict=True):
            slot.scatter_update(tf.IndexedSlices(values, indices))
        return variable.scatter_add(tf.IndexedSlices(change, indices))

    def get_config(self) -> dict[str, Any]:
        """Returns all settings, as the constructor takes them."""
        own = ("beta_1", "beta_2", "epsilon", "amsgrad")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
