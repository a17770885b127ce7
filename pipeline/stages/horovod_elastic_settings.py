"""Settings of data-parallel training with Elastic Horovod."""

import os
from dataclasses import field
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.ranks import ELASTIC
from pipeline.engine.stage import OUTSIDE_KEY, STRICT
from pipeline.stages.optimizer_settings import OptimizerSettings
from pipeline.stages.settings import Count, NotNegative, Positive
from pipeline.stages.single_settings import SingleSettings

LAUNCH = "horovodrun -np N --min-np 1 --host-discovery-script FILE python -m pipeline ... distribution=horovod_elastic"


@dataclass(config=STRICT, kw_only=True)
class HorovodElasticSettings(SingleSettings):
    """Data-parallel training on a changing number of ranks, which is no setting: the result must not depend on it.

    So a batch is that of all ranks together, and the learning rate is as given. What Horovod builds for a fixed number
    of ranks (synchronized batch normalization, sums over backward passes) is not among the settings either.
    """

    engine: Literal["horovod_elastic"] = "horovod_elastic"  # type: ignore[assignment]
    compression: Literal["none", "fp16"]
    groups: Count
    fusion_mb: NotNegative | None = field(metadata=OUTSIDE_KEY)
    cycle_ms: NotNegative | None = field(metadata=OUTSIDE_KEY)
    stall_seconds: Positive = field(metadata=OUTSIDE_KEY)
    join_seconds: Positive = field(metadata=OUTSIDE_KEY)
    together: ClassVar[bool] = True

    def check(self, *, batch_size: int, epochs: int, optimizer: OptimizerSettings, wraps: bool) -> None:
        """Refuses a process that no elastic launcher has started."""
        del batch_size, epochs, optimizer, wraps
        if os.environ.get(ELASTIC) != "1":
            reason = "no elastic launcher has started this process"
            raise ConfigError("distribution", reason, value=self.engine, accepted=[LAUNCH])

    def environment(self) -> dict[str, str]:
        """Returns the settings that Horovod reads from its environment; what is null is left as it is there."""
        chosen = {
            "HOROVOD_FUSION_THRESHOLD": None if self.fusion_mb is None else round(self.fusion_mb * 2**20),
            "HOROVOD_CYCLE_TIME": self.cycle_ms,
        }
        return {name: str(value) for name, value in chosen.items() if value is not None}

    def start(self) -> Any:
        """Returns the engine, its ranks connected."""
        from pipeline.distribution.horovod_elastic import HorovodElastic

        with blame("distribution"):
            return HorovodElastic(
                compression=self.compression,
                groups=self.groups,
                stall_seconds=self.stall_seconds,
                join_seconds=self.join_seconds,
                environment=self.environment(),
            )
