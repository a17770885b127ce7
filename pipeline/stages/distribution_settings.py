"""How training stages are spread over processes: each engine's settings, and what it refuses before anything runs.

A setting that changes the result is in the key of every artifact that is trained so.
"""

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


DistributionSettings = Annotated[SingleSettings | HorovodSettings, pydantic.Field(discriminator="engine")]
