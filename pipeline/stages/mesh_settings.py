"""Settings of model-parallel training on a mesh of devices."""

import os
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.distribution.mesh_optimizer import check_optimizer
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.settings import Positive
from pipeline.stages.single_settings import SingleSettings

LOGICAL_CPUS = "FRUGAL_LOGICAL_CPUS"
"""As in `pipeline.keras`, which is not imported here, for it imports TensorFlow."""


@dataclass(config=STRICT, kw_only=True)
class MeshSettings:
    """How many rows of devices share out a batch, and how many devices of a row share out the weights."""

    batch: Positive
    model: Positive


@dataclass(config=STRICT, kw_only=True)
class LayoutSettings:
    """How the variables that a regular expression matches are split: for each dimension the axis, or None."""

    variables: str
    split: list[Literal["batch", "model"] | None]


@dataclass(config=STRICT, kw_only=True)
class ModelParallelSettings(SingleSettings):
    """Model-parallel training with DTensor; sums over a mesh are rounded otherwise than in one piece."""

    engine: Literal["model_parallel"] = "model_parallel"  # type: ignore[assignment]
    mesh: MeshSettings
    preset: Literal["dense_conv"] | None
    layouts: list[LayoutSettings]
    together: ClassVar[bool] = False

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
        """Refuses a mesh of one device, or too long for a batch, or nothing to split.

        What is accepted has TensorFlow, which has not been imported yet, start with a logical device for each part.
        """
        del epochs
        self.refuse_wrapped(wraps)
        with blame("optimizer"):
            check_optimizer(optimizer)
        rows, parts = self.mesh.batch, self.mesh.model
        if rows * parts == 1:
            raise ConfigError("distribution.mesh", "one device has nothing to share", accepted=["batch * model from 2"])
        if batch_size % rows:
            raise ConfigError(
                "distribution.mesh.batch",
                f"does not divide batch_size={batch_size}",
                value=rows,
                accepted=["a divisor"],
            )
        if self.preset is None and not self.layouts:
            raise ConfigError(
                "distribution.layouts", "nothing is to be split", accepted=["a rule", "preset=dense_conv"]
            )
        os.environ[LOGICAL_CPUS] = str(max(rows * parts, int(os.environ.get(LOGICAL_CPUS, "1"))))

    def start(self) -> Any:
        """Returns the engine."""
        from pipeline.distribution.model_parallel import ModelParallel

        layouts = [(each.variables, tuple(each.split)) for each in self.layouts]
        with blame("distribution"):
            return ModelParallel(batch=self.mesh.batch, model=self.mesh.model, layouts=layouts, preset=self.preset)
