"""The `train` stage: a model of a family, trained from scratch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.prepare import Prepare
from pipeline.stages.settings import TRAINING_LIBRARIES, CnnSettings, ModelSettings
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
        """Refuses image-only settings on a table."""
        super().check(upstream)
        data = upstream.get("data")
        if not isinstance(data, Prepare) or data.data.kind == "image":
            return
        if isinstance(self.model, CnnSettings):
            raise ConfigError("model.family", "takes images, and the data is a table", value="cnn", accepted=["mlp"])
        if self.augment.flip or self.augment.shift:
            raise ConfigError("augment", "takes images, and the data is a table", accepted=["flip: false, shift: 0"])

    def run(self, context: Context) -> None:
        """Trains and saves the model."""
        from pipeline.data.dataset import load
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
    from pipeline.models.inputs import scaled_input
    from pipeline.models.mlp import mlp

    features, scaled = scaled_input(info.feature_shape, scale=info.scale, mean=info.mean, variance=info.variance)
    classes = len(info.class_names)
    if isinstance(settings, CnnSettings):
        return cnn(features, scaled, classes, filters=settings.filters, units=settings.units, dropout=settings.dropout)
    return mlp(features, scaled, classes, units=settings.units, dropout=settings.dropout)
