"""The `range_test` stage: which learning rates a model learns at."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, ClassVar

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Progress, Stage
from pipeline.stages.build_model import build_model
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.schedule_settings import ConstantSettings
from pipeline.stages.settings import (
    TRAINING_LIBRARIES,
    AugmentSettings,
    InputSettings,
    ModelSettings,
    Positive,
    Seed,
)
from pipeline.stages.table_checks import check_augment, check_family
from pipeline.stages.training import build_optimizer

_Rate = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]


@dataclass(config=STRICT, kw_only=True)
class RangeTest(Stage):
    """Trains a fresh model for some steps at a rising learning rate, and suggests one."""

    kind: ClassVar[str] = "range_test"
    produces: ClassVar[str] = "range_test"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES
    delivers: ClassVar[bool] = True

    model: ModelSettings
    optimizer: OptimizerSettings
    lowest: _Rate
    highest: _Rate
    steps: Annotated[int, pydantic.Field(ge=10)]
    batch_size: Positive
    augment: AugmentSettings
    input: InputSettings
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses what takes images on a table, and rates in the wrong order."""
        check_augment(self.augment, upstream)
        check_family(self.model, upstream)
        if self.highest <= self.lowest:
            raise ConfigError("highest", "not above lowest", value=self.highest, accepted=[f"above {self.lowest:g}"])

    def run(self, context: Context) -> None:
        """Tests the rates, and saves range_test.json."""
        from pipeline.data.augmentation.policy import check
        from pipeline.data.files import load
        from pipeline.data.stream import steps_per_epoch, training_stream
        from pipeline.training.determinism import start
        from pipeline.training.objective import objective
        from pipeline.training.range_test import range_test, suggest

        dataset = load(context.inputs["data"].files)
        info, augmentation = dataset.info, self.augment.policy()
        with blame("batch_size"):
            epoch = steps_per_epoch(dataset.train, self.batch_size, self.input.last_batch)
        with blame("augment"):
            check(augmentation, info)
        start(self.seed)
        with blame("model"):
            model = build_model(self.model, info)
        # The test sets the rate itself, which an optimizer with a schedule refuses.
        constant = dataclasses.replace(self.optimizer, schedule=ConstantSettings(), warm_up=0.0)
        every = self.optimizer.gradient_accumulation_steps
        soft = augmentation.mixes and info.task == "classification"
        model.compile(
            build_optimizer(constant, self.lowest, self.steps),
            **objective(info.task, soft=soft, target_variance=info.target_variance),
        )
        batches = training_stream(
            dataset.train,
            info,
            batch_size=self.batch_size,
            seed=self.seed,
            first_epoch=0,
            last_epoch=-(-self.steps * every // epoch),
            augmentation=augmentation,
            last_batch=self.input.last_batch,
            **self.input.arguments(),
        )
        curve = range_test(
            model,
            batches,
            lowest=self.lowest,
            highest=self.highest,
            steps=self.steps,
            batches_per_step=every,
            on_progress=lambda done, total, text: context.progress(Progress(done, total, text)),
        )
        with blame("lowest and highest"):
            suggestion = suggest(curve)
        (context.output / "range_test.json").write_text(
            json.dumps({"suggestion": suggestion, "curve": curve}, indent=1)
        )
        context.log.info("suggested learning_rate: %.3g", suggestion)
        context.show(
            Exhibit(
                f"loss by learning rate, after which {suggestion:.3g} is suggested",
                ["learning rate", "smoothed loss"],
                [list(point) for point in curve],
                line="smoothed loss",
                log_x=True,
            )
        )
