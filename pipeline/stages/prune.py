"""The `prune` stage: a trained model whose smallest weights become zero while it is fine-tuned."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, InputError, blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.layer_names import check_left, check_names, known_layers
from pipeline.stages.loading import load_together
from pipeline.stages.settings import TRAINING_LIBRARIES, Fraction
from pipeline.stages.training import TrainingStage, write_model

TOLERANCE = 0.01
TYPES = ("Dense", "Conv2D")
PAIRS = 0.5
"""The share of zeros of 2:4."""


@dataclass(config=STRICT, kw_only=True)
class Prune(TrainingStage):
    """Prunes by magnitude, then strips TFMOT's wrappers."""

    kind: ClassVar[str] = "prune"
    wraps: ClassVar[bool] = True
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "tensorflow-model-optimization")

    schedule: Literal["polynomial", "constant", "one_shot"]
    pattern: Literal["unstructured", "2:4", "blocks"]
    initial_sparsity: Fraction
    final_sparsity: Fraction
    end: Annotated[float, pydantic.Field(gt=0, le=1)]
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    per_layer: dict[str, Fraction] = field(default_factory=dict)

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a sparsity that would have to fall, and names of layers that the model won't have."""
        super().check(upstream)
        if self.optimizer.use_ema:
            raise ConfigError(
                "optimizer.use_ema",
                "averages with denser weights are not sparse",
                value="true",
                accepted=["false"],
            )
        if (layers := known_layers(upstream)) is not None:
            for key, names in {"include": self.include, "exclude": self.exclude}.items():
                check_names(key, names, [*layers, *TYPES], "no such layer to prune")
            check_names("per_layer", self.per_layer, layers, "no such layer to prune")
            check_left(self.exclude, self.include or layers, "prune")
        if self.pattern == "2:4" and (self.final_sparsity != PAIRS or self.per_layer):
            key = "per_layer" if self.per_layer else "final_sparsity"
            raise ConfigError(key, "pattern=2:4 has no other sparsity", value=getattr(self, key), accepted=[f"{PAIRS}"])
        for key, sparsity in {"final_sparsity": self.final_sparsity, **self.per_layer}.items():
            if self.schedule == "polynomial" and sparsity < self.initial_sparsity:
                raise ConfigError(
                    key if key == "final_sparsity" else f"per_layer.{key}", "below initial_sparsity", value=sparsity,
                    accepted=[f"{self.initial_sparsity} to below 1"],
                )  # fmt: skip

    def work(self, context: Context) -> None:
        """Prunes, fine-tunes, strips and saves the model."""
        from pipeline.compression.pruning import kernel_sparsity, prunable, prunable_layers, strip
        from pipeline.compression.tfmot import tfmot
        from pipeline.data.stream import steps_per_epoch

        model, dataset = load_together(context, self.seed)
        steps = steps_per_epoch(dataset.train, self.batch_size) * self.epochs
        which: dict[str, Any] = {"exclude": self.exclude, "include": self.include, "pattern": self.pattern}
        if left := sorted(
            {*prunable_layers(model)} - {*prunable_layers(model, pattern=self.pattern)} - {*self.exclude}
        ):
            context.note(f"pattern={self.pattern} does not fit and leaves dense: {', '.join(left)}")
        schedules = {name: self._schedule(steps, sparsity) for name, sparsity in self.per_layer.items()}
        with blame("include, exclude and per_layer"):
            wrapped = prunable(model, self._schedule(steps, self.final_sparsity), per_layer=schedules, **which)
        history = self.fit(wrapped, dataset, context, (tfmot.sparsity.keras.UpdatePruningStep(),))
        pruned = strip(wrapped)
        reached = kernel_sparsity(pruned, prunable_layers(model, **which))
        for name, sparsity in reached.items():
            context.log.info("%s: sparsity %.3f", name, sparsity)
            asked = self.per_layer.get(name, self.final_sparsity)
            if sparsity < asked - self._tolerance(pruned.get_layer(name).kernel.shape):
                raise InputError(
                    f"layer {name} ended at a sparsity of {sparsity:.3f}, not {asked}, "
                    f"after {steps} steps (set by epochs={self.epochs}); give it more steps"
                )
        if not any(reached.values()):
            context.note("pruning changed nothing: no weight became zero")
        write_model(pruned, history, context)

    def _schedule(self, steps: int, sparsity: float) -> Any:
        from pipeline.compression.pruning_schedules import constant_schedule, one_shot_schedule, polynomial_schedule

        if self.schedule == "one_shot":
            return one_shot_schedule(final_sparsity=sparsity)
        if self.schedule == "constant":
            return constant_schedule(steps, final_sparsity=sparsity, end=self.end)
        return polynomial_schedule(steps, initial_sparsity=self.initial_sparsity, final_sparsity=sparsity, end=self.end)

    def _tolerance(self, shape: Any) -> float:
        """Returns how far from its sparsity a kernel may end: a block more or less, where there are few blocks."""
        if self.pattern != "blocks":
            return TOLERANCE if self.pattern == "unstructured" else 0.1  # the last weights may not fill a four
        rows, columns = shape
        return max(TOLERANCE, 1 / max(1, -(-rows // 16) * columns))
