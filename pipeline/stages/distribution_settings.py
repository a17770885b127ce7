"""How training stages are spread over processes: each engine's settings, and what it refuses before anything runs.

A setting that changes the result is in the key of every artifact that is trained so.
"""

from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.distribution.cluster import current
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT
from pipeline.stages.settings import Positive


@dataclass(config=STRICT, kw_only=True)
class SingleSettings:
    """Training in one process, and what all engines say of themselves.

    Attributes:
        together: Whether all processes of the launch run the stage; else the others don't know of it.
        wrappers: Whether it carries layers that TFMOT has wrapped, and callbacks that hold them.
        accumulates: Whether it carries an optimizer that sums gradients over several batches.
        served: Whether workers or parameter servers of a TensorFlow cluster work for it.
    """

    engine: Literal["single"] = "single"
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = True
    accumulates: ClassVar[bool] = True
    served: ClassVar[bool] = False

    def check(self, batch_size: int) -> None:
        """Refuses what this engine can't carry.

        Args:
            batch_size: Examples in a batch, of all ranks together.

        Raises:
            ConfigError: With a key relative to the stage.
        """

    def connect(self) -> None:
        """Joins a cluster, if the engine has one, before the stage makes any variable.

        TensorFlow can't change afterwards what was made before.
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
    accumulates: ClassVar[bool] = True
    served: ClassVar[bool] = False

    def check(self, batch_size: int) -> None:
        """Refuses a process that no launcher has started, and batches too small to share."""
        if self.ranks == 1:
            start = "horovodrun -np N python -m pipeline ... distribution=horovod, with N from 2"
            raise ConfigError("distribution.ranks", "no launcher has started this process", value=1, accepted=[start])
        if batch_size < self.ranks:
            raise ConfigError(
                "batch_size", "fewer examples than ranks", value=batch_size, accepted=[f"{self.ranks} or more"]
            )

    def connect(self) -> None:
        """Leaves it to the launcher."""

    def start(self) -> Any:
        """Returns the engine, its ranks connected."""
        from pipeline.distribution.horovod import Horovod

        with blame("distribution"):
            return Horovod(self.ranks)


@dataclass(config=STRICT, kw_only=True)
class ParameterServerSettings:
    """Asynchronous training with parameter servers; the result depends on the number of workers."""

    engine: Literal["parameter_server"] = "parameter_server"
    workers: Positive | None
    min_shard_kb: Positive | None
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = False
    accumulates: ClassVar[bool] = False
    served: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Counts the workers, so that their number is in the key of what is trained."""
        cluster = current()
        if self.workers is None and cluster is not None:
            self.workers = cluster.count("worker") or None

    def check(self, batch_size: int) -> None:
        """Refuses a launch without workers or servers, or with another number of workers than was said."""
        del batch_size
        cluster = current()
        launch = "python scripts/launch_local.py --workers N --servers N -- python -m pipeline ..."
        accepted = [launch, "TF_CONFIG with a chief, workers and ps"]
        if cluster is None:
            raise ConfigError("distribution", "TF_CONFIG is not set", value=self.engine, accepted=accepted)
        for role in ("worker", "ps"):
            if not cluster.count(role):
                raise ConfigError("distribution", f"TF_CONFIG has no {role}", value=self.engine, accepted=accepted)
        if self.workers != (found := cluster.count("worker")):
            raise ConfigError(
                "distribution.workers", f"TF_CONFIG has {found}", value=self.workers, accepted=["null", str(found)]
            )

    def connect(self) -> None:
        """Joins the workers and servers, once they are up."""
        self.start()

    def start(self) -> Any:
        """Returns the engine, connected to the workers and servers."""
        from pipeline.distribution.parameter_server import ParameterServer

        cluster = current()
        assert cluster is not None, "checked"
        with blame("distribution"):
            return ParameterServer(cluster, self.min_shard_kb)


DistributionSettings = Annotated[
    SingleSettings | HorovodSettings | ParameterServerSettings, pydantic.Field(discriminator="engine")
]
