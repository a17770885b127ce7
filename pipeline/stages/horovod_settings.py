"""Settings of data-parallel training with Horovod."""

from dataclasses import field
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import OUTSIDE_KEY, STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.settings import Count, NotNegative, Positive
from pipeline.stages.single_settings import Scaling, SingleSettings


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

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
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
        if wraps and self.sync_batch_norm:
            reason = "a copy with other batch normalization has none of the layers that TFMOT has wrapped"
            raise ConfigError("distribution.sync_batch_norm", reason, value="true", accepted=["false"])
        if self.warm_up_epochs >= epochs:
            fewer = [f"less than epochs={epochs}"]
            raise ConfigError(
                "distribution.warm_up_epochs", "the rate would never arrive", value=self.warm_up_epochs, accepted=fewer
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
        return Scaling(float(self.ranks), self.warm_up_epochs / epochs)

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
                stall_seconds=self.stall_seconds,
                environment=self.environment(),
            )
