"""The `train` stage: a model of a family, trained from scratch, or a given one, trained further."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.build_model import build_model
from pipeline.stages.features import require_features
from pipeline.stages.settings import TRAINING_LIBRARIES, OptionalModelSettings
from pipeline.stages.table_checks import check_family
from pipeline.stages.training import TrainingStage, write_model


@dataclass(config=STRICT, kw_only=True)
class Train(TrainingStage):
    """Trains a model from scratch; with `inputs.model`, and without settings of a family, that model."""

    kind: ClassVar[str] = "train"
    produces: ClassVar[str] = "model"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",), "*": ("model",)}
    libraries: ClassVar[tuple[str, ...]] = TRAINING_LIBRARIES

    model: OptionalModelSettings

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses no model or two, and a model that takes images on data known to be a table."""
        super().check(upstream)
        for name, source in self.inputs.items():
            if "*" in self.accepts and name not in (names := ("data", "model")):
                raise ConfigError(f"inputs.{name}", "unknown input", value=source, accepted=names, name=name)
        if self.model is None:
            if "model" not in self.inputs:
                raise ConfigError("model", "no model", value="null", accepted=["a family's settings"])
        elif "model" in self.inputs:
            raise ConfigError("model", "a second model, beside inputs.model", accepted=["null"])
        else:
            check_family(self.model, upstream)

    def work(self, context: Context) -> None:
        """Trains and saves the model."""
        from pipeline.data.files import load
        from pipeline.models.files import load_model
        from pipeline.training.determinism import start

        dataset = load(context.inputs["data"].files)
        start(self.seed)
        if self.model is None:
            model = load_model(context.inputs["model"].path("model.keras"))
            require_features(model, dataset.info)
        else:
            with blame("model"):
                model = build_model(self.model, dataset.info)
        write_model(model, self.fit(model, dataset, context), context)
