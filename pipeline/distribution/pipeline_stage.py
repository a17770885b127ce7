"""One stage of a pipeline: its layers on its device, and one pass of a micro-batch through them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipeline.distribution.pipeline_split import Key, Part
from pipeline.keras import keras, tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices | None


@dataclass
class Saved:
    """What a forward pass leaves for the backward one.

    Attributes:
        inputs: What it was given.
        targets: What the backward pass starts from; none where it is computed again.
        tape: Of the forward pass; None where it is computed again.
        draws: The states of the random layers before it, where it is computed again.
    """

    inputs: list[tf.Tensor]
    targets: list[tf.Tensor] = field(default_factory=list)
    tape: tf.GradientTape | None = None
    draws: list[tf.Tensor] = field(default_factory=list)


class PlacedStage:
    """A part of a model whose variables lie on a device.

    Args:
        part: Which layers.
        model: The whole, with each layer's variables in place.
        device: Where this part is computed.

    Attributes:
        part: Which layers.
        device: Where it is computed.
        model: From the part's inputs to its outputs.
        variables: The trainable ones.
    """

    def __init__(self, part: Part, model: keras.Model, device: str) -> None:
        entry = model.inputs[0]._keras_history.layer.name

        def symbol(key: Key) -> Any:
            if key[0] == entry:  # which a sequential model does not count among its layers
                return model.inputs[0]
            given = model.get_layer(key[0]).output
            return given[key[1]] if isinstance(given, list | tuple) else given

        self.part, self.device = part, device
        self.model = keras.Model([symbol(key) for key in part.inputs], [symbol(key) for key in part.outputs])
        self.variables = list(self.model.trainable_variables)
        self._returned = [key[0] != entry for key in part.inputs]
        layers = [layer for layer in self.model._flatten_layers() if not isinstance(layer, keras.Model)]
        held = [getattr(getattr(layer, "_random_generator", None), "_generator", None) for layer in layers]
        self._draws = [generator.state for generator in held if generator is not None]
        self._moving = list(self.model.non_trainable_variables)
        self._after: list[Any] = []

    @contextmanager
    def turn(self) -> Iterator[list[Any]]:
        """Puts what is computed inside on the device, behind the stage's turn before; the list takes what ends it."""
        ends: list[Any] = []
        with tf.device(self.device):
            with tf.control_dependencies(self._after):
                yield ends
            self._after = [tf.group(*(each for each in tf.nest.flatten(ends, expand_composites=True)))]

    def begin(self) -> None:
        """Forgets the turns of another step, or of another trace of it."""
        self._after = []

    def __call__(self, inputs: Sequence[tf.Tensor], *, training: bool) -> list[tf.Tensor]:
        """Returns the outputs."""
        outputs = self.model(list(inputs), training=training)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    def forward(
        self, inputs: list[tf.Tensor], goal: Callable[[tf.Tensor], tf.Tensor] | None, *, recompute: bool
    ) -> tuple[list[tf.Tensor], Saved]:
        """Passes a micro-batch on.

        Args:
            inputs: Of the part, in its order.
            goal: From the model's output to what is minimized, where this is the last stage.
            recompute: Whether only the inputs are held until the backward pass, which computes all else again.

        Returns:
            The outputs, and what `backward` needs.
        """
        if recompute:
            saved = Saved(inputs, draws=[state.read_value() for state in self._draws])
            return self(inputs, training=True), saved
        return self._taped(inputs, goal)

    def backward(
        self, saved: Saved, given: Sequence[Gradient], goal: Callable[[tf.Tensor], tf.Tensor] | None
    ) -> tuple[list[Gradient], list[Gradient]]:
        """Passes gradients back.

        Args:
            saved: What `forward` left.
            given: The gradient of each output; of the last stage, which starts with 1, none.
            goal: As in `forward`.

        Returns:
            The gradients of the inputs and of the trainable variables; None where there is none.
        """
        if saved.tape is None:
            saved = self._again(saved, goal)
        assert saved.tape is not None
        reached = [place for place, each in enumerate(given) if each is not None] if goal is None else [0]
        targets = [saved.targets[place] for place in reached]
        gradients = None if goal else [given[place] for place in reached]
        sources = [each for each, returned in zip(saved.inputs, self._returned, strict=True) if returned]
        found = iter(saved.tape.gradient(targets, [*sources, *self.variables], gradients) if targets else [])
        back = [next(found, None) if returned else None for returned in self._returned]
        return back, [next(found, None) for _ in self.variables]

    def penalties(self) -> tuple[list[tf.Tensor], list[Gradient]]:
        """Returns the losses of the regularizers of weights, and their gradients; none of either without any."""
        with tf.GradientTape() as tape:
            losses = list(self.model.losses)
        return losses, tape.gradient(losses, self.variables) if losses else []

    def _taped(
        self, inputs: list[tf.Tensor], goal: Callable[[tf.Tensor], tf.Tensor] | None
    ) -> tuple[list[tf.Tensor], Saved]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in self.variables:
                tape.watch(variable)
            for each, returned in zip(inputs, self._returned, strict=True):
                if returned and each.dtype.is_floating:
                    tape.watch(each)
            outputs = self(inputs, training=True)
            targets = outputs if goal is None else [goal(outputs[0])]
        return outputs, Saved(inputs, targets, tape)

    def _again(self, saved: Saved, goal: Callable[[tf.Tensor], tf.Tensor] | None) -> Saved:
        """Computes a forward pass again: the same draws, and moving averages and generators left as they are."""
        changed = [*self._moving, *self._draws]
        before = [variable.read_value() for variable in changed]
        for state, value in zip(self._draws, saved.draws, strict=True):
            state.assign(value)
        taped = self._taped(saved.inputs, goal)[1]
        for variable, value in zip(changed, before, strict=True):
            variable.assign(value)
        return taped
