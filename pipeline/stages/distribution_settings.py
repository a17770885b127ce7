"""How training stages are spread over processes: each engine's settings, and what it refuses before anything runs.

A setting that changes the result is in the key of every artifact that is trained so.
"""

import dataclasses
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.distribution.cluster import current
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import OUTSIDE_KEY, STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.settings import Count, NotNegative, Positive


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
        wrappers: Whether it carries layers that TFMOT has wrapped, and callbacks that hold them.
        accumulates: Whether it carries an optimizer that sums gradients over several batches.
        served: Whether workers or parameter servers of a TensorFlow cluster work for it.
    """

    engine: Literal["single"] = "single"
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = True
    accumulates: ClassVar[bool] = True
    served: ClassVar[bool] = False

    def check(self, batch_size: int, optimizer: OptimizerSettings) -> None:
        """Refuses what this engine can't carry.

        Args:
            batch_size: The stage's own.
            optimizer: The stage's own.

        Raises:
            ConfigError: With a key relative to the stage.
        """

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


@dataclass(config=STRICT, kw_only=True)
class HorovodSettings(SingleSettings):
    """Data-parallel training with Horovod; the result depends on the number of ranks."""

    engine: Literal["horovod"] = "horovod"  # type: ignore[assignment]
    ranks: Positive
    batch: Literal["global", "per_rank"]
    learning_rate: Literal["as_given", "linear"]
    warm_up_epochs: NotNegative
    compression: Literal["none", "fp16"]
    reduce: Literal["average", "adasum"]
    backward_passes_per_step: Positive
    groups: Count
    sync_batch_norm: bool
    fusion_mb: NotNegative | None = field(metadata=OUTSIDE_KEY)
    cycle_ms: NotNegative | None = field(metadata=OUTSIDE_KEY)
    autotune: bool = field(metadata=OUTSIDE_KEY)
    timeline: str | None = field(metadata=OUTSIDE_KEY)
    stall_seconds: Positive = field(metadata=OUTSIDE_KEY)
    together: ClassVar[bool] = True

    @property
    def wrappers(self) -> bool:  # type: ignore[override]
        """Whether it carries layers that TFMOT has wrapped: a copy with other batch normalization is of plain ones."""
        return not self.sync_batch_norm

    def check(self, batch_size: int, optimizer: OptimizerSettings) -> None:
        """Refuses a process that no launcher has started, batches too small to share, and what would train otherwise.

        Horovod counts each backward pass as a step of the optimizer, so a schedule would run ahead, and Adam would
        correct its bias for steps that it has not made.
        """
        if self.ranks == 1:
            start = "horovodrun -np N python -m pipeline ... distribution=horovod, with N from 2"
            raise ConfigError("distribution.ranks", "no launcher has started this process", value=1, accepted=[start])
        if self.batch == "global" and batch_size < self.ranks:
            raise ConfigError(
                "batch_size", "fewer examples than ranks", value=batch_size, accepted=[f"{self.ranks} or more"]
            )
        if self.warm_up_epochs and (self.learning_rate == "as_given" or optimizer.warm_up):
            reason = "the optimizer warms up" if optimizer.warm_up else "a rate that is not scaled needs none"
            raise ConfigError("distribution.warm_up_epochs", reason, value=self.warm_up_epochs, accepted=["0"])
        plain = optimizer.name == "sgd" and optimizer.schedule.name == "constant" and not optimizer.warm_up
        if self.backward_passes_per_step > 1 and (self.warm_up_epochs or not plain):
            raise ConfigError(
                "distribution.backward_passes_per_step",
                "Adam and schedules would take each pass for a step; set optimizer.gradient_accumulation_steps instead",
                value=self.backward_passes_per_step,
                accepted=["1"],
            )

    def batch_size(self, given: int) -> int:
        """Returns the examples in a batch of all ranks together."""
        return given * self.ranks if self.batch == "per_rank" else given

    def scaling(self, epochs: int) -> Scaling:
        """Returns the linear scaling rule with gradual warm-up (Goyal et al., arXiv:1706.02677), if asked for."""
        if self.learning_rate == "as_given":
            return Scaling()
        return Scaling(float(self.ranks), min(self.warm_up_epochs / epochs, 0.99))

    def environment(self) -> dict[str, str]:
        """Returns the settings that Horovod reads from its environment; what is null is left as it is there."""
        chosen = {
            "HOROVOD_FUSION_THRESHOLD": None if self.fusion_mb is None else round(self.fusion_mb * 2**20),
            "HOROVOD_CYCLE_TIME": self.cycle_ms,
            "HOROVOD_AUTOTUNE": 1 if self.autotune else None,
            "HOROVOD_TIMELINE": self.timeline,
            "HOROVOD_STALL_CHECK_TIME_SECONDS": self.stall_seconds,
            "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": 3 * self.stall_seconds,
        }
        return {name: str(value) for name, value in chosen.items() if value is not None}

    def start(self) -> Any:
        """Returns the engine, its ranks connected."""
        from pipeline.distribution.horovod import Horovod

        with blame("distribution"):
            return Horovod(
                self.ranks,
                compression=self.compression,
                reduce=self.reduce,
                backward_passes_per_step=self.backward_passes_per_step,
                groups=self.groups,
                sync_batch_norm=self.sync_batch_norm,
                environment=self.environment(),
            )


@dataclass(config=STRICT, kw_only=True)
class PipelineParallelSettings(SingleSettings):
    """Training of a model cut into stages, one in each process of a TensorFlow cluster, or all in this one."""

    engine: Literal["pipeline_parallel"] = "pipeline_parallel"  # type: ignore[assignment]
    stages: Positive | None
    micro_batches: Positive
    schedule: Literal["gpipe", "1f1b"]
    recompute: bool
    cuts: list[str] | None
    together: ClassVar[bool] = False
    wrappers: ClassVar[bool] = False
    accumulates: ClassVar[bool] = True
    served: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Counts the processes, so that the number of stages is in the key of what is trained."""
        cluster = current()
        if self.stages is None and cluster is not None:
            self.stages = 1 + cluster.count("worker")

    def check(self, batch_size: int, optimizer: OptimizerSettings) -> None:
        """Refuses stages without processes, processes without stages, and batches that can't be cut."""
        del optimizer
        cluster = current()
        if self.stages is None:
            ways = ["TF_CONFIG with a chief and workers", "a number, to try it out with all stages in this process"]
            raise ConfigError("distribution.stages", "TF_CONFIG is not set", value="null", accepted=ways)
        if cluster is not None and cluster.count("ps"):
            raise ConfigError("distribution", "a pipeline has no parameter servers", accepted=["a chief and workers"])
        if cluster is not None and self.stages != 1 + (workers := cluster.count("worker")):
            accepted = [f"null, or {1 + workers}: the chief of TF_CONFIG and its {workers} workers"]
            raise ConfigError("distribution.stages", "not a stage a process", value=self.stages, accepted=accepted)
        if self.stages == 1:
            raise ConfigError("distribution.stages", "nothing to pass on", value=1, accepted=["2 or more"])
        if self.cuts is not None and len(self.cuts) != self.stages - 1:
            shown = f"[{', '.join(self.cuts)}]"
            accepted = [f"{self.stages - 1} layers for {self.stages} stages"]
            raise ConfigError("distribution.cuts", "too many or too few", value=shown, accepted=accepted)
        if batch_size < self.micro_batches:
            accepted = [f"{self.micro_batches} or more"]
            raise ConfigError("batch_size", "fewer examples than micro-batches", value=batch_size, accepted=accepted)

    def connect(self) -> None:
        """Joins the workers, once they are up."""
        self.start()

    def start(self) -> Any:
        """Returns the engine, its processes connected."""
        from pipeline.distribution.pipeline_parallel import HERE, PipelineParallel, connect

        cluster, stages = current(), self.stages or 0
        with blame("distribution"):
            devices = [HERE] * stages if cluster is None else connect(cluster)
        return PipelineParallel(
            devices, self.micro_batches, schedule=self.schedule, recompute=self.recompute, cuts=self.cuts
        )


@dataclass(config=STRICT, kw_only=True)
class ParameterServerSettings(SingleSettings):
    """Asynchronous training with parameter servers; the result depends on the number of workers."""

    engine: Literal["parameter_server"] = "parameter_server"  # type: ignore[assignment]
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

    def check(self, batch_size: int, optimizer: OptimizerSettings) -> None:
        """Refuses a launch without workers or servers, or with another number of workers than was said."""
        del batch_size, optimizer
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
    SingleSettings | HorovodSettings | ParameterServerSettings | PipelineParallelSettings,
    pydantic.Field(discriminator="engine"),
]
