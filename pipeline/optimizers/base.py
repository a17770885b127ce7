"""What SGD and Adam have in common: what is updated together, decay, averages of weights, accumulated gradients."""

import abc
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from pipeline.keras import keras, tf
from pipeline.optimizers.clipping import make_clip
from pipeline.optimizers.rule import Coefficients, take_step
from pipeline.optimizers.slots import STATE_DTYPES, Bfloat16Slot, FullSlot, Int8Slot, Slot, draw_noise
from pipeline.optimizers.sparse import densified, is_sparse
from pipeline.optimizers.units import SMALL, Unit, make_units, true_dtype

SPARSE_UPDATES = ("exact", "lazy")
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class FusedOptimizer(keras.optimizers.Optimizer):
    """Base of optimizers whose update is one fused kernel a variable, or one for all small variables together.

    Subclasses are a `Rule`, and say which scalars a step needs (`coefficients`) and how it is taken on some rows only
    (`rows`). The order within a step is Keras's: clip, decay weights, update, average, constrain.

    Args:
        name: Of the optimizer.
        learning_rate: A number, a schedule, or a variable, which stays the caller's to change.
        weight_decay: Decoupled (arXiv:1711.05101): a step first takes `learning_rate * weight_decay` of a weight off.
        weight_decay_exclusions: Regular expressions; a variable whose name one of them is found in does not decay.
        clipnorm: Largest L2 norm of each variable's gradient.
        clipvalue: Largest magnitude of each entry of a gradient.
        global_clipnorm: Largest L2 norm of all gradients together.
        use_ema: Whether to keep averages of the weights; `fit` puts them in place when it ends.
        ema_momentum: How much of an average each step keeps.
        ema_overwrite_frequency: Puts the averages in place every so many steps; None: only when `fit` ends.
        gradient_accumulation_steps: Calls whose gradients are averaged into one step, as if their batches were one.
            `iterations` and schedules count steps. The gradients of a last, incomplete round are not used.
        sparse_update: What a sparse gradient (`tf.IndexedSlices`) does. "exact": what the dense one would. "lazy": it
            reads and changes the state and weights of its own rows only, in decay and momentum too, which is another
            algorithm, and for a large embedding many times faster.
        state_dtype: "float32", or "bfloat16" or "int8" for a state of half or a quarter of the bytes, rounded at
            random so that it does not stall. It holds for float32 variables; averages of weights stay float32.
        jit_compile: As in Keras: compiles each update with XLA where there is a GPU, and is ignored elsewhere.
        **kwargs: `is_legacy_optimizer` and `mesh`, as Keras writes and takes them.

    Raises:
        ValueError: For a setting out of range, or two that exclude each other.
    """

    unsigned_slots: tuple[str, ...] = ()
    steady_slots: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        name: str,
        learning_rate: Any,
        weight_decay: float | None = None,
        weight_decay_exclusions: Sequence[str] = (),
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        sparse_update: str = "exact",
        state_dtype: str = "float32",
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name,
            weight_decay=weight_decay or None,  # 0 would cost a pass over every weight
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            jit_compile=jit_compile,
            **kwargs,
        )
        every = gradient_accumulation_steps or 1
        _check("sparse_update", sparse_update, SPARSE_UPDATES)
        _check("state_dtype", state_dtype, STATE_DTYPES)
        for key in CLIPS:
            if (getattr(self, key) or 0) < 0:
                raise ValueError(f"{key}={getattr(self, key)}; accepted: None, or above 0")
        if every < 1:
            raise ValueError(f"gradient_accumulation_steps={every}; accepted: None, or 1 and more")
        if sparse_update == "lazy" and state_dtype != "float32":
            raise ValueError(f"sparse_update=lazy with state_dtype={state_dtype}; accepted with it: float32")
        if sparse_update == "lazy" and every > 1:
            raise ValueError(f"sparse_update=lazy with gradient_accumulation_steps={every}; accepted with it: 1")
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.weight_decay_exclusions = list(weight_decay_exclusions)
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.sparse_update = sparse_update
        self.state_dtype = state_dtype

    @property
    @abc.abstractmethod
    def slot_names(self) -> tuple[str, ...]:
        """The state that it keeps for each variable."""

    @property
    def flattens(self) -> bool:
        """Whether laying small variables end to end pays."""
        return True

    @abc.abstractmethod
    def coefficients(self, dtype: tf.DType) -> Coefficients:
        """Returns the scalars of this step."""

    @abc.abstractmethod
    def kernel(self, target: tf.Tensor, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients) -> Any:
        """See `Rule`."""

    @abc.abstractmethod
    def plain(
        self, gradient: tf.Tensor, slots: Sequence[tf.Tensor], scalars: Coefficients
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See `Rule`."""

    @abc.abstractmethod
    def rows(
        self, variable: tf.Variable, gradient: tf.IndexedSlices, slots: Sequence[tf.Variable], scalars: Coefficients
    ) -> Any:
        """Takes a step on the rows of a sparse gradient only, each of which is there once."""

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        """Makes the state.

        Args:
            var_list: The model's trainable variables.
        """
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        together = self.flattens and not (self._spread or self.sparse_update == "lazy")
        units = make_units(var_list, small=SMALL if together else 0, blocks=self.state_dtype == "int8")
        slots = {unit: [self._add_slot(unit, name, var_list) for name in self.slot_names] for unit in units}
        self._slots = self._no_dependency(slots)  # their variables are tracked as the optimizer's own
        self._accumulators = []
        if (self.gradient_accumulation_steps or 1) > 1:
            self._accumulators = [self.add_variable_from_reference(each, "accumulator") for each in var_list]
            self._calls = self.add_variable((), dtype=tf.int64, name="calls")

    def memory(self) -> dict[str, int]:
        """Returns the bytes that the built optimizer keeps, by slot; averages and accumulators too, where there are."""
        found = dict.fromkeys(self.slot_names, 0)
        for slots in self._slots.values():
            for name, slot in zip(self.slot_names, slots, strict=True):
                found[name] += slot.bytes
        if self.use_ema:
            found["averages"] = sum(map(bytes_of, self._model_variables_moving_average))
        if self._accumulators:
            found["accumulators"] = sum(map(bytes_of, self._accumulators))
        return found

    def apply_gradients(self, grads_and_vars: Any, name: str | None = None, **kwargs: Any) -> tf.Tensor:
        """Takes a step, or adds to the gradients of the next one; returns how many steps were taken.

        Args:
            grads_and_vars: Pairs of a gradient and its variable.
            name: Of the scope.
            **kwargs: As in Keras.
        """
        every = self.gradient_accumulation_steps or 1
        if every == 1:
            return super().apply_gradients(grads_and_vars, name=name, **kwargs)
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
        with tf.init_scope():
            self.build([variable for _, variable in pairs])
        sums = [self._accumulators[self._index_dict[self._var_key(variable)]] for _, variable in pairs]
        for total, (gradient, _) in zip(sums, pairs, strict=True):
            total.scatter_add(gradient) if is_sparse(gradient) else total.assign_add(gradient)

        def step() -> tf.Tensor:
            means = [(total / every, variable) for total, (_, variable) in zip(sums, pairs, strict=True)]
            super(FusedOptimizer, self).apply_gradients(means, name=name, **kwargs)
            for total in sums:
                total.assign(tf.zeros_like(total))
            return self.iterations.read_value()

        return tf.cond(self._calls.assign_add(1) % every == 0, step, self.iterations.read_value)

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable; Keras calls this where a strategy spreads variables over devices."""
        index = self._index_dict[self._var_key(variable)]
        unit = next(each for each in self._slots if index in each.indices)
        self._update(unit, [gradient], [variable], self.coefficients(unit.dtype), self._noise())

    def get_config(self) -> dict[str, Any]:
        """Returns all settings, as the constructor takes them."""
        return {
            **super().get_config(),
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "weight_decay_exclusions": list(self.weight_decay_exclusions),
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            "sparse_update": self.sparse_update,
            "state_dtype": self.state_dtype,
        }

    def save_own_variables(self, store: Any) -> None:
        """Writes the state, bfloat16 as the bits, which HDF5 has no type for."""
        for place, variable in enumerate(self.variables):
            value = variable.numpy()
            store[str(place)] = value.view(np.uint16) if variable.dtype == tf.bfloat16 else value

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        narrow = {str(place) for place, variable in enumerate(self.variables) if variable.dtype == tf.bfloat16}
        super().load_own_variables(
            {
                name: np.asarray(value).view(tf.bfloat16.as_numpy_dtype) if name in narrow else np.asarray(value)
                for name, value in store.items()
            }
        )

    @property
    def _spread(self) -> bool:
        """Whether variables lie on several devices, where each is updated by itself."""
        return bool(self._mesh or self._run_with_dtensor or tf.distribute.has_strategy())

    def _add_slot(self, unit: Unit, name: str, variables: Sequence[tf.Variable]) -> Slot:
        first = variables[unit.indices[0]]
        label = f"{name}/flat" if unit.flat else f"{name}/{first._shared_name}"
        if not unit.flat and (self.state_dtype == "float32" or unit.dtype != tf.float32):
            return FullSlot(
                lambda *_, **__: self.add_variable_from_reference(first, name), unit.shape, unit.dtype, label
            )
        with tf.distribute.get_strategy().extended.colocate_vars_with(first):
            if self.state_dtype == "float32" or unit.dtype != tf.float32:
                return FullSlot(self.add_variable, unit.shape, unit.dtype, label)
            if self.state_dtype == "bfloat16":
                return Bfloat16Slot(self.add_variable, unit.shape, label)
            return Int8Slot(self.add_variable, unit.shape, label, signed=name not in self.unsigned_slots)

    def _build_learning_rate(self, learning_rate: Any) -> Any:
        # Keras copies a variable's value; who gives a variable means to change it.
        return learning_rate if isinstance(learning_rate, tf.Variable) else super()._build_learning_rate(learning_rate)

    def _use_weight_decay(self, variable: tf.Variable) -> bool:
        excluded = any(re.search(pattern, variable.name) for pattern in self.weight_decay_exclusions)
        return not excluded and super()._use_weight_decay(variable)

    def _clip_gradients(self, grads: Sequence[Any]) -> Sequence[Any]:
        """Leaves it to `_update`, unless there are sparse gradients: Keras clips them before it merges their rows."""
        return super()._clip_gradients(grads) if self._spread or any(map(is_sparse, grads)) else grads

    def _apply_weight_decay(self, variables: Sequence[tf.Variable]) -> None:
        """Leaves it to `_update`, which decays a variable just before its update, while it is in the cache."""

    def _internal_apply_gradients(self, grads_and_vars: Sequence[tuple[Any, tf.Variable]]) -> tf.Tensor:
        if self._spread:
            return super()._internal_apply_gradients(grads_and_vars)
        given = {self._index_dict[self._var_key(variable)]: (grad, variable) for grad, variable in grads_and_vars}
        clip = self._clip([gradient for gradient, _ in grads_and_vars])
        passes = clip or self.weight_decay or self.use_ema or self.state_dtype != "float32"
        scalars = {dtype: self.coefficients(dtype) for dtype in {unit.dtype for unit in self._slots}}
        noise = self._noise()
        before: list[Any] = []
        for unit in self._slots:
            gradients, variables = zip(*(given.get(index, (None, None)) for index in unit.indices), strict=True)
            if all(gradient is None for gradient in gradients):
                continue
            # One large variable after the other: all at once, what lies between a read and a write leaves the cache.
            large = passes and math.prod(unit.shape) >= SMALL and not tf.executing_eagerly()
            device = next(each for each in variables if each is not None).device
            with tf.control_dependencies(before if large else []), tf.device(device):
                clipped = [clip(each) if clip and each is not None else each for each in gradients]
                done = self._update(unit, clipped, variables, scalars[unit.dtype], noise)
            before = done if large else before
        if self.use_ema and self.ema_overwrite_frequency:
            changed = [variable for _, variable in grads_and_vars]
            tf.cond(
                (self.iterations + 1) % self.ema_overwrite_frequency == 0,
                lambda: self._overwrite_model_variables_with_average_value(changed),
                lambda: None,
            )
        return self.iterations.assign_add(1)

    def _clip(self, gradients: Sequence[Any]) -> Callable[[tf.Tensor], tf.Tensor] | None:
        if any(map(is_sparse, gradients)):
            return None
        return make_clip(gradients, **{name: getattr(self, name) for name in CLIPS})

    def _noise(self) -> tf.Tensor | None:
        sizes = [math.prod(unit.shape) for unit in self._slots if unit.dtype == tf.float32]
        return draw_noise(self.state_dtype, max(sizes), self.iterations) if sizes and self.slot_names else None

    def _update(
        self,
        unit: Unit,
        gradients: Sequence[tf.Tensor | tf.IndexedSlices | None],
        variables: Sequence[Any],
        scalars: Coefficients,
        noise: tf.Tensor | None,
    ) -> list[Any]:
        """Decays, updates and averages the variables of a unit; returns operations after which that is done."""
        slots, gradient, variable = self._slots[unit], gradients[0], variables[0]
        given = [each for each in variables if each is not None]
        if is_sparse(gradient) and self.sparse_update == "lazy":
            if (share := self._decay(variable)) is not None:
                variable.scatter_sub(tf.IndexedSlices(tf.gather(variable, gradient.indices) * share, gradient.indices))
            done = [self.rows(variable, gradient, [each.variables[0] for each in slots], scalars)]
        else:
            for each in given:
                if (share := self._decay(each)) is not None:
                    each.assign_sub(each.read_value() * share)
            if is_sparse(gradient) and not unit.flat and not slots:
                done = [self.rows(variable, gradient, [], scalars)]
            else:
                gradients = [densified(each) for each in gradients]
                done = take_step(self, unit, slots, gradients, variables, scalars, noise, compiled=compiling())
        return [*done, *(self._average(each) for each in given)] if self.use_ema and not self._spread else done

    def _decay(self, variable: tf.Variable) -> tf.Tensor | None:
        """Returns the share of a variable that a step takes off."""
        if self.weight_decay is None or not self._use_weight_decay(variable):
            return None
        return tf.cast(self.learning_rate, true_dtype(variable)) * self.weight_decay

    def _average(self, variable: tf.Variable) -> Any:
        average = self._model_variables_moving_average[self._index_dict[self._var_key(variable)]]
        kept = self.ema_momentum * average.read_value()
        return average.assign(kept + (1 - self.ema_momentum) * variable.read_value())


def compiling() -> bool:
    """Whether XLA compiles what is being traced; not every kernel can be compiled."""
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def bytes_of(variable: tf.Variable) -> int:
    """Returns what a variable occupies."""
    return math.prod(variable.shape) * variable.dtype.size


def _check(name: str, value: Any, accepted: Sequence[str]) -> None:
    if value not in accepted:
        raise ValueError(f"{name}={value}; accepted: {', '.join(accepted)}")
