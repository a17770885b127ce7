"""Settings of the engines whose processes are those of a TensorFlow cluster, named by `TF_CONFIG`."""

from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.distribution.cluster import current
from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.settings import Positive
from pipeline.stages.single_settings import SingleSettings


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
    served: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Counts the processes, so that the number of stages is in the key of what is trained."""
        cluster = current()
        if self.stages is None and cluster is not None:
            self.stages = 1 + cluster.count("worker")

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
        """Refuses stages without processes, processes without stages, and batches that can't be cut."""
        del epochs, optimizer
        self.refuse_wrapped(wraps)
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
    served: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Counts the workers, so that their number is in the key of what is trained."""
        cluster = current()
        if self.workers is None and cluster is not None:
            self.workers = cluster.count("worker") or None

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
        """Refuses a launch without workers or servers, or with another number of workers than was said."""
        del batch_size, epochs
        self.refuse_wrapped(wraps)
        if (every := optimizer.gradient_accumulation_steps) > 1:
            reason = "asynchronous workers can't sum gradients over batches"
            raise ConfigError("optimizer.gradient_accumulation_steps", reason, value=every, accepted=["1"])
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
