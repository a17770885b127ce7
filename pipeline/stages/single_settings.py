"""Settings of training in one process, and what the settings of all engines say."""

import dataclasses
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How the learning rate follows the number of ranks.

    Attributes:
        factor: What it is multiplied by.
        warm_up: The share of the steps over which it rises from what it would be without.
    """

    factor: float = 1.0
    warm_up: float = 0.0


@dataclass(config=STRICT, kw_only=True)
class SingleSettings:
    """Training in one process, and what all engines say of themselves.

    Attributes:
        together: Whether all processes of the launch run the stage; else the others don't know of it.
        served: Whether workers or parameter servers of a TensorFlow cluster work for it.
    """

    engine: Literal["single"] = "single"
    together: ClassVar[bool] = False
    served: ClassVar[bool] = False

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
        """Refuses what this engine can't carry.

        Args:
            batch_size: The stage's own.
            epochs: The stage's own.
            optimizer: The stage's own.
            wraps: Whether it trains layers that TFMOT has wrapped, with callbacks that hold them.

        Raises:
            ConfigError: With a key relative to the stage.
        """

    def refuse_wrapped(self, wraps: bool) -> None:
        """Refuses layers that TFMOT has wrapped or that a callback masks, for an engine that makes the model anew."""
        if wraps:
            reason, carrying = "can't carry layers that are wrapped or masked", ["single", "horovod", "horovod_elastic"]
            raise ConfigError("distribution", reason, value=self.engine, accepted=carrying)

    def batch_size(self, given: int) -> int:
        """Returns the examples in a batch of all ranks together.

        Args:
            given: The stage's `batch_size`.
        """
        return given

    def scaling(self, epochs: int) -> Scaling:
        """Returns how the learning rate of a training of so many epochs follows the number of ranks."""
        del epochs
        return Scaling()

    def connect(self) -> None:
        """Joins a cluster, if the engine has one, before the stage makes any variable.

        TensorFlow can't change afterwards what was made before.
        """

    def start(self) -> Any:
        """Returns the engine, its processes connected."""
        from pipeline.distribution.single import Single

        return Single()
