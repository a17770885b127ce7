"""The `build` stage: a new model of a family, untrained, for what does not depend on its weights."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.build_model import build_model
from pipeline.stages.settings import TRAINING_LIBRARIES, ModelSettings, Seed
from pipeline.stages.table_checks import check_family
from pipeline.stages.training import write_model


@dataclass(config=STRICT, kw_only=True)
class Build(Stage):
    """Makes a model of random weights: its operations, speed and bytes in float32 are those of the trained one."""

    kind: ClassVar[str] = "build"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    model: ModelSettings
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a model that takes images on data known to be a table."""
        check_family(self.model, upstream)

    def run(self, context: Context) -> None:
        """Builds and saves the model."""
        from pipeline.data.files import load
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(self.seed)
        with blame("model"):
            model = build_model(self.model, dataset.info)
        write_model(model, [], context)
