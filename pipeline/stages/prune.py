"""The `prune` stage: a trained model whose smallest weights become zero while it is fine-tuned."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, ClassVar

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, InputError, blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES, Fraction
from pipeline.stages.train import Train
from pipeline.stages.training import TrainingStage, write_model

TOLERANCE = 0.01


@dataclass(config=STRICT, kw_only=True)
class Prune(TrainingStage):
    """Prunes by magnitude with a polynomial schedule, then strips TFMOT's wrappers."""

    kind: ClassVar[str] = "prune"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"model": ("model",), "data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = (*TRAINING_LIBRARIES, "tensorflow-model-optimization")

    initial_sparsity: Fraction
    final_sparsity: Fraction
    end: Annotated[float, pydantic.Field(gt=0, le=1)]
    exclude: list[str] = field(default_factory=list)

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
        model = upstream.get("model")
        layers = model.model.kernels if isinstance(model, Train) else self.exclude
        for name in self.exclude:
            if name not in layers:
                raise ConfigError("exclude", "no such layer to prune", value=name, accepted=layers, name=name)
        if self.exclude and set(self.exclude) == set(layers) and isinstance(model, Train):
            raise ConfigError("exclude", "leaves no layer to prune", value=",".join(self.exclude))
        if self.final_sparsity < self.initial_sparsity:
            raise ConfigError(
                "final_sparsity", "below initial_sparsity", value=self.final_sparsity,
                accepted=[f"{self.initial_sparsity} to below 1"],
            )  # fmt: skip

    def run(self, context: Context) -> None:
        """Prunes, fine-tunes, strips and saves the model."""
        import tensorflow_model_optimization as tfmot

        from pipeline.compression.pruning import kernel_sparsity, polynomial_schedule, prunable, prunable_layers, strip
        from pipeline.data.files import load
        from pipeline.data.stream import steps_per_epoch
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(self.seed)
        model = load_model(context.inputs["model"].path("model.keras"))
        require_features(model, dataset.info)
        steps = steps_per_epoch(dataset.train, self.batch_size) * self.epochs
        schedule = polynomial_schedule(
            steps, initial_sparsity=self.initial_sparsity, final_sparsity=self.final_sparsity, end=self.end
        )
        with blame("exclude"):
            wrapped = prunable(model, schedule, exclude=self.exclude)
        history = self.fit(wrapped, dataset, context, (tfmot.sparsity.keras.UpdatePruningStep(),))
        pruned = strip(wrapped)
        reached = kernel_sparsity(pruned, prunable_layers(model, self.exclude))
        for name, sparsity in reached.items():
            context.log.info("%s: sparsity %.3f", name, sparsity)
            if sparsity < self.final_sparsity - TOLERANCE:
                raise InputError(
                    f"layer {name} ended at a sparsity of {sparsity:.3f}, not {self.final_sparsity}, "
                    f"after {steps} steps (set by epochs={self.epochs}); give it more steps"
                )
        if not any(reached.values()):
            context.note("pruning changed nothing: no weight became zero")
        write_model(pruned, history, context)
