"""How training stages are spread over processes: each engine's settings, and what it refuses before anything runs.

A setting that changes the result is in the key of every artifact that is trained so.
"""

import os
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT
from pipeline.stages.settings import Positive


@dataclass(config=STRICT, kw_only=True)
class SingleSettings:
    """Training in one process, and what all engines say of themselves.

    Attributes:
        together: Whether all processes of the launch run the stage; else the others don't know of it.
        wrappers: Whether it carries layers that TFMOT has wrapped, and callbacks that hold them.
    """

    engine: Literal["single"] = "single"
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = True

    def check(self, batch_size: int) -> None:
        """Refuses what this engine can't carry.

        Args:
            batch_size: Examples in a batch, of all ranks together.

        Raises:
            ConfigError: With a key relative to the stage.
        """

    def start(self) -> Any:
        """Returns the engine, its processes connected."""
        from pipeline.distribution.single import Single

        return Single()


@dataclass(config=STRICT, kw_only=True)
class HorovodSettings:
    """Data-parallel training with Horovod; the result depends on the number of ranks."""

    engine: Literal["horovod"] = "horovod"
    ranks: Positive
    together: ClassVar[bool] = True
    wrappers: ClassVar[bool] = True

    def check(self, batch_size: int) -> None:
        """Refuses a process that no launcher has started, and batches too small to share."""
        if self.ranks == 1:
            start = "horovodrun -np N python -m pipeline ... distribution=horovod, with N from 2"
            raise ConfigError("distribution.ranks", "no launcher has started this process", value=1, accepted=[start])
        if batch_size < self.ranks:
            raise ConfigError(
                "batch_size", "fewer examples than ranks", value=batch_size, accepted=[f"{self.ranks} or more"]
            )

    def start(self) -> Any:
        """Returns the engine, its ranks connected."""
        from pipeline.distribution.horovod import Horovod

        with blame("distribution"):
            return Horovod(self.ranks)


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
class ModelParallelSettings:
    """Model-parallel training with DTensor; sums over a mesh are rounded otherwise than in one piece."""

    engine: Literal["model_parallel"] = "model_parallel"
    mesh: MeshSettings
    preset: Literal["dense_conv"] | None
    layouts: list[LayoutSettings]
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = False

    def check(self, batch_size: int) -> None:
        """Refuses a mesh of one device, or too long for a batch, or nothing to split.

        What is accepted has TensorFlow, which has not been imported yet, start with a logical device for each part.
        """
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


DistributionSettings = Annotated[
    SingleSettings | HorovodSettings | ModelParallelSettings, pydantic.Field(discriminator="engine")
]
