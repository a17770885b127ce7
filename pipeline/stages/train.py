"""The `train` stage: a model of a family, trained from scratch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.settings import TRAINING_LIBRARIES, CnnSettings, ModelSettings
from pipeline.stages.table_checks import check_family
from pipeline.stages.training import TrainingStage, write_model


@dataclass(config=STRICT, kw_only=True)
class Train(TrainingStage):
    """Trains a model from scratch."""

    kind: ClassVar[str] = "train"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    model: ModelSettings

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a model that takes images on data known to be a table."""
        super().check(upstream)
        check_family(self.model, upstream)

    def run(self, context: Context) -> None:
        """Trains and saves the model."""
        from pipeline.data.files import load
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(self.seed)
        with blame("model"):
            model = build_model(self.model, dataset.info)
        write_model(model, self.fit(model, dataset, context), context)


def build_model(settings: ModelSettings, info: Any) -> Any:
    """Returns a new model for a data set.

    Raises:
        ValueError: If the family can't take its examples.
    """
    from pipeline.models.cnn import cnn
    from pipeline.models.inputs import image_input, table_input
    from pipeline.models.mlp import mlp

    if isinstance(settings, CnnSettings) and info.kind == "table":
        raise ValueError("a cnn takes images, and the data is a table; accepted: mlp")
    front = image_input(info.feature_shape, scale=info.scale) if info.kind == "image" else table_input(info.columns)
    common: dict[str, Any] = {
        "dropout": settings.dropout,
        "task": info.task,
        "target_mean": info.target_mean,
        "target_variance": info.target_variance,
    }
    if isinstance(settings, CnnSettings):
        return cnn(*front, len(info.class_names), filters=settings.filters, units=settings.units, **common)
    return mlp(*front, len(info.class_names), units=settings.units, **common)
