"""The `distill` stage: a new, smaller model, trained on what teachers say beside the labels."""

import dataclasses
import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Progress, Stage, unheard
from pipeline.stages.build_model import build_model
from pipeline.stages.settings import Count, Share
from pipeline.stages.teach import Teach
from pipeline.stages.teaching import HINTS, check_classes, read_teaching, require_classes
from pipeline.stages.train import Train
from pipeline.stages.training import Lesson, write_model


@dataclass(config=STRICT, kw_only=True)
class Distill(Train):
    """Trains a student from scratch, by labels and a teaching."""

    kind: ClassVar[str] = "distill"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",), "teaching": ("teaching",)}

    temperature: Annotated[float, pydantic.Field(gt=0)]
    alpha: Share
    hint: str | None
    hint_epochs: Count

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses data known to have no classes, mixed examples, and hints that are not given or not taken."""
        super().check(upstream)
        check_classes(upstream)
        for name in ("mixup", "cutmix"):
            if value := getattr(self.augment, name):
                raise ConfigError(
                    f"augment.{name}", "a teacher has not seen the mixed examples", value=value, accepted=["0"]
                )
        teach = upstream.get("teaching")
        if self.hint is not None and not self.hint_epochs:
            raise ConfigError("hint_epochs", "no epoch to learn the hint in", value=0, accepted=["1 or more"])
        if self.hint is None and self.hint_epochs:
            raise ConfigError("hint", "missing; hint_epochs is above 0", accepted=["a layer of the student"])
        if self.hint is not None and isinstance(teach, Teach) and teach.hint is None:
            raise ConfigError(
                "hint", f"the teaching {self.inputs['teaching']} holds no hints", value=self.hint,
                accepted=["null", f"any, with stages.{self.inputs['teaching']}.hint set"],
            )  # fmt: skip

    def work(self, context: Context) -> None:
        """Trains and saves the student."""
        from pipeline.data.files import load
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        require_classes(dataset.info)
        with blame("inputs.teaching"):
            found, logits = read_teaching(context.inputs["teaching"].files, dataset)
        if self.alpha == 0:
            context.note("alpha is 0: the student learned nothing from its teacher's logits")
        start(self.seed)
        with blame("model"):
            student = build_model(self.model, dataset.info)
        if self.hint is not None:
            context = self.take_hints(student, dataset, context)
        history = self.fit(student, dataset, context, lesson=self.lesson(dataset, logits))
        context.log.info("the teacher's validation accuracy is %.4f", found["validation_accuracy"])
        write_model(student, history, context)

    def lesson(self, dataset: Any, logits: Any) -> Lesson:
        """Returns what the student is to learn: each example's label and the teacher's logits beside it."""
        from pipeline.compression.distillation import distillation_objective, taught_rows
        from pipeline.data.input.rows import in_memory
        from pipeline.keras import tf

        labels, said = in_memory(dataset.train.labels), self.reader(logits)

        def targets(features: Any, places: Any, *weights: Any) -> tuple[Any, ...]:
            return features, taught_rows(tf.gather(labels, places), said(places)), *weights

        return Lesson(numbered(dataset.train), targets, partial(distillation_objective, self.temperature, self.alpha))

    def take_hints(self, student: Any, dataset: Any, context: Context) -> Context:
        """Trains the student's layers up to the hinted one; its checkpoints are kept apart from those of the training.

        Returns:
            The context of what comes after, whose progress goes on from here.
        """
        import numpy as np

        from pipeline.compression.hints import hint_model
        from pipeline.data.stream import steps_per_epoch
        from pipeline.keras import keras

        with blame("inputs.teaching"):
            features = np.load(context.inputs["teaching"].path(HINTS), mmap_mode="r", allow_pickle=False)
        with blame("hint"):
            model = hint_model(student, str(self.hint), features.shape[1:])
        said = self.reader(features)

        def targets(examples: Any, places: Any, *weights: Any) -> tuple[Any, ...]:
            return examples, said(places), *weights

        steps = steps_per_epoch(dataset.train, self.batch_size, self.input.last_batch)
        first, whole = steps * self.hint_epochs, steps * (self.hint_epochs + self.epochs)

        def hinting(progress: Progress) -> None:
            context.progress(Progress(progress.done, whole, f"hints, {progress.text}"))

        def training(progress: Progress) -> None:
            context.progress(Progress(first + progress.done, whole, progress.text))

        state = context.state / "hints"
        history = dataclasses.replace(self, epochs=self.hint_epochs).fit(
            model,
            dataset,
            dataclasses.replace(context, state=state, progress=hinting, step=unheard, epoch=unheard),
            lesson=Lesson(
                numbered(dataset.train),
                targets,
                lambda: {"loss": keras.losses.MeanSquaredError()},
                judged=False,
                augmented=False,
                title="hints",
            ),
        )
        (context.output / "hints.json").write_text(json.dumps(history, indent=1))
        return dataclasses.replace(context, progress=training)

    def reader(self, rows: Any) -> Any:
        """Returns a function from places to rows, which are kept where the features are."""
        from pipeline.data.input.rows import row_reader

        return row_reader(rows, self.input.cache, self.input.memory_mb * 2**20)


def numbered(part: Any) -> Any:
    """Returns a training part in which each example's label is its place, by which what a teacher said is found."""
    import numpy as np

    return dataclasses.replace(part, labels=np.arange(len(part.labels), dtype=np.int32))
