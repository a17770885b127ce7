"""One step of a unit's variables by an optimizer's rule, through its fused kernel where that is possible."""

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.keras import tf
from pipeline.optimizers.slots import Slot
from pipeline.optimizers.transient import read, transient_zeros
from pipeline.optimizers.units import Unit

Coefficients = dict[str, Any]
"""The scalars of one step, by the kernel's names for them."""


class Rule(Protocol):
    """How an optimizer changes weights and state."""

    steady_slots: tuple[str, ...]

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The state that it keeps."""

    def kernel(self, target: tf.Tensor, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients) -> Any:
        """Takes a step with a fused kernel.

        Args:
            target: The handle of the weights, or of zeros that are to hold the weights' change.
            gradient: Dense, of the weights' shape.
            slots: The handles of the state, in the order of `slot_names`.
            scalars: Of this step.
        """

    def plain(
        self, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the weights' change and the new state, in operations that XLA compiles."""


def take_step(
    rule: Rule,
    unit: Unit,
    slots: Sequence[Slot],
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[Any],
    scalars: Coefficients,
    noise: tf.Tensor | None,
    *,
    compiled: bool,
) -> list[Any]:
    """Updates the variables of a unit and its state.

    Args:
        rule: The optimizer.
        unit: What is updated.
        slots: Its state, in the order of the rule's `slot_names`.
        gradients: Dense, one a variable; a variable without one stays as it is, and its state too.
        variables: Those of the unit; None where there is no gradient.
        scalars: Of this step.
        noise: What the state is rounded with.
        compiled: Whether XLA compiles it; not all kernels allow that.

    Returns:
        Operations after which it is done.
    """
    gradient = unit.join(gradients)
    present = [each is not None for each in gradients]
    before = [] if all(present) else [slot.read() for slot in slots]
    noises = [None if name in rule.steady_slots else noise for name in rule.slot_names]
    if compiled:
        change, values = rule.plain(gradient, [slot.read() for slot in slots], scalars)
        done = [slot.write(value, each) for slot, value, each in zip(slots, values, noises, strict=True)]
    else:
        target = transient_zeros(unit.shape, unit.dtype) if unit.flat else variables[0].handle
        handles = [slot.open() for slot in slots]
        done = [rule.kernel(target, gradient, handles, scalars)]
        done += [slot.close(handle, each) for slot, handle, each in zip(slots, handles, noises, strict=True)]
        change = read(target, unit.shape, unit.dtype) if unit.flat else None
    for slot, values in zip(slots, before, strict=False):
        done.append(slot.write(tf.where(unit.mask(present), slot.read(), values), None))
    if change is not None:
        parts = zip(unit.split(change), variables, strict=True)
        done += [variable.assign_add(part) for part, variable in parts if variable is not None]
    return [each for each in done if each is not None]
