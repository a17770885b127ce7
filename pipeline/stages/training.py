"""What every stage that trains has in common: its settings, its input, its artifact."""

import abc
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import InputError, blame
from pipeline.engine.stage import STRICT, Context, Progress, Stage
from pipeline.stages.curves_exhibit import curves_exhibit
from pipeline.stages.distribution_settings import DistributionSettings
from pipeline.stages.optimizer_settings import AdamSettings, OptimizerSettings
from pipeline.stages.schedule_exhibit import schedule_exhibit
from pipeline.stages.settings import (
    AugmentSettings,
    InputSettings,
    Positive,
    Seed,
)
from pipeline.stages.single_settings import Scaling
from pipeline.stages.table_checks import check_augment


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a training learns in place of its labels.

    Attributes:
        part: The training part, with the labels that `targets` is to be given, such as each example's place.
        targets: From such a batch, perhaps with weights, to one of features and what the objective compares.
        objective: Makes the loss and the metrics, as arguments of Keras's `compile`.
        judged: Whether they take the labels of the validation part too; else it is left out.
        augmented: Whether the targets hold for changed examples too; else they are left as they are.
        title: What the report calls the training.
    """

    part: Any
    targets: Callable[..., tuple[Any, ...]]
    objective: Callable[[], dict[str, Any]]
    judged: bool = True
    augmented: bool = True
    title: str = "training"


@dataclass(config=STRICT, kw_only=True)
class TrainingStage(Stage):
    """A stage that trains a model on a prepared data set."""

    optimizer: OptimizerSettings
    learning_rate: Annotated[float, pydantic.Field(gt=0)] | None
    epochs: Positive
    batch_size: Positive
    augment: AugmentSettings
    input: InputSettings
    distribution: DistributionSettings
    seed: Seed

    wraps: ClassVar[bool] = False
    """Whether it trains layers that TFMOT has wrapped, or gives `fit` callbacks that hold the model's own."""

    @property
    def together(self) -> bool:
        """Whether all ranks train it together."""
        return self.distribution.together

    @property
    def served(self) -> bool:
        """Whether servers of a TensorFlow cluster work for it."""
        return self.distribution.served

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses image-only augmentation of a table, and what the engine can't carry."""
        check_augment(self.augment, upstream)
        self.distribution.check(
            batch_size=self.batch_size, epochs=self.epochs, optimizer=self.optimizer, wraps=self.wraps
        )

    def run(self, context: Context) -> None:
        """Joins the engine's processes, then does the stage's work."""
        self.distribution.connect()
        self.work(context)

    @abc.abstractmethod
    def work(self, context: Context) -> None:
        """Fills `context.output`."""

    def fit(
        self,
        model: Any,
        dataset: Any,
        context: Context,
        callbacks: tuple[Any, ...] = (),
        lesson: Lesson | None = None,
    ) -> list[dict[str, float]]:
        """Trains the model in place, resuming from the stage's checkpoints; without a lesson, on its labels."""
        from pipeline.data.augmentation.policy import Augmentation, check
        from pipeline.data.stream import evaluation_stream, steps_per_epoch, training_stream
        from pipeline.training.fit import fit

        info, part = dataset.info, dataset.train if lesson is None else lesson.part
        augmentation = self.augment.policy() if lesson is None or lesson.augmented else Augmentation()
        distribution, batch_size = self.distribution.start(), self.distribution.batch_size(self.batch_size)
        with blame("batch_size"):
            steps = steps_per_epoch(dataset.train, batch_size, self.input.last_batch)
        with blame("augment"):
            check(augmentation, info)
        soft = augmentation.mixes and info.task == "classification"

        def training(first_epoch: int) -> Any:
            batches = training_stream(
                part,
                info,
                batch_size=batch_size,
                seed=self.seed,
                first_epoch=first_epoch,
                last_epoch=self.epochs,
                augmentation=augmentation,
                rank=distribution.rank,
                ranks=distribution.size,
                last_batch=self.input.last_batch,
                **self.input.arguments(),
            )
            return batches if lesson is None else taught(batches, lesson.targets)

        def validation() -> Any:
            return evaluation_stream(
                dataset.validation,
                info,
                self.batch_size,
                soft=soft,
                rank=distribution.rank,
                ranks=distribution.size,
                **self.input.arguments(),
            )

        batches = steps * self.epochs
        every = self.optimizer.gradient_accumulation_steps
        if batches < every:
            raise InputError(f"{batches} batches are not one step (optimizer.gradient_accumulation_steps={every})")
        if left := batches % every:
            context.note(f"the last {left} of {batches} batches make no step of {every} and teach nothing")
        scaling = self.distribution.scaling(self.epochs)
        rate = build_rate(self.optimizer, self.learning_rate, batches, scaling)
        if (exhibit := schedule_exhibit(rate, batches // every)) is not None:
            context.show(exhibit)
        history = fit(
            model,
            training,
            validation if lesson is None or lesson.judged else None,
            optimizer=build_optimizer(self.optimizer, self.learning_rate, batches, scaling),
            epochs=self.epochs,
            steps_per_epoch=steps,
            seed=self.seed,
            state=context.state,
            on_progress=lambda done, total, text: context.progress(Progress(done, total, text)),
            callbacks=callbacks,
            distribution=distribution,
            task=info.task,
            soft=soft,
            target_variance=info.target_variance,
            goal=None if lesson is None else lesson.objective,
            on_step=context.step,
            on_epoch=context.epoch,
        )
        if (curves := curves_exhibit(history, "training" if lesson is None else lesson.title)) is not None:
            context.show(curves)
        for slot, size in model.optimizer.memory().items():
            context.keep(f"optimizer {slot}", size)
        for what, size in distribution.memory(self.batch_size).items():
            context.keep(what, size)
        for line in distribution.caveats():
            context.note(line)
        return history


def taught(batches: Any, targets: Callable[..., tuple[Any, ...]]) -> Any:
    """Returns the batches of a stream with other targets, in the same order."""
    from pipeline.data.stream import AHEAD
    from pipeline.keras import tf

    mapped = batches.map(targets, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return mapped.prefetch(AHEAD)


UNSCALED = Scaling()


def build_rate(
    settings: OptimizerSettings, learning_rate: float | None, batches: int, scaling: Scaling = UNSCALED
) -> Any:
    """Returns the learning rate, a number or a schedule over the steps that so many batches make.

    Args:
        settings: Of the optimizer.
        learning_rate: Replaces its own, if given.
        batches: How many there are in all.
        scaling: How it follows the number of ranks; its warm-up replaces the optimizer's.
    """
    from pipeline.optimizers.schedules import build_schedule

    return build_schedule(
        settings.schedule.name,
        (learning_rate or settings.learning_rate) * scaling.factor,
        max(1, batches // settings.gradient_accumulation_steps),
        warm_up=scaling.warm_up or settings.warm_up,
        warm_up_start=1 / scaling.factor if scaling.warm_up else 0.0,
        **settings.schedule.arguments(),
    )


def build_optimizer(
    settings: OptimizerSettings, learning_rate: float | None, batches: int, scaling: Scaling = UNSCALED
) -> Any:
    """Returns a new Keras optimizer; the arguments are those of `build_rate`."""
    from pipeline.optimizers import SGD, Adam

    rate = build_rate(settings, learning_rate, batches, scaling)
    return (Adam if isinstance(settings, AdamSettings) else SGD)(rate, **settings.arguments())


def write_model(model: Any, history: list[dict[str, float]], context: Context) -> None:
    """Fills a model artifact: `model.keras`, the history of its training, if any, and the digest of its weights."""
    from pipeline.models.files import save_model, weights_digest

    save_model(model, context.output / "model.keras")
    (context.output / "history.json").write_text(json.dumps(history, indent=1))
    (context.output / "weights.sha256").write_text(weights_digest(model) + "\n")
    for name, value in (history[-1] if history else {}).items():
        part = "validation" if name.startswith("val_") else "training"
        context.log.info("%s %s %.4f after %d epochs", part, name.removeprefix("val_"), value, len(history))
