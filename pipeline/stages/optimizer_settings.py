"""Settings of the optimizers, as `pipeline.optimizers` has them."""

import dataclasses
from typing import Annotated, Any, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.stage import STRICT
from pipeline.stages.schedule_settings import ScheduleSettings
from pipeline.stages.settings import Fraction, Positive

Above = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
SCHEDULING = ("name", "learning_rate", "schedule", "warm_up")


@dataclass(config=STRICT, kw_only=True)
class _Common:
    learning_rate: Above
    schedule: ScheduleSettings
    warm_up: Fraction
    weight_decay: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
    weight_decay_exclusions: list[str]
    clipnorm: Above | None
    clipvalue: Above | None
    global_clipnorm: Above | None
    use_ema: bool
    ema_momentum: Fraction
    gradient_accumulation_steps: Positive
    sparse_update: Literal["exact", "lazy"]
    state_dtype: Literal["float32", "bfloat16", "int8"]

    def __post_init__(self) -> None:
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise ValueError(f"{' and '.join(clips)} exclude each other; accepted: one of them")
        if self.sparse_update == "lazy" and (self.state_dtype != "float32" or self.gradient_accumulation_steps > 1):
            raise ValueError("sparse_update=lazy needs state_dtype=float32 and gradient_accumulation_steps=1")

    def arguments(self) -> dict[str, Any]:
        """Returns all but the schedule as the optimizer's constructor takes them."""
        fields = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in fields if name not in SCHEDULING}


@dataclass(config=STRICT, kw_only=True)
class SgdSettings(_Common):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    momentum: Fraction
    nesterov: bool


@dataclass(config=STRICT, kw_only=True)
class AdamSettings(_Common):
    """Adam (Kingma and Ba, arXiv:1412.6980)."""

    name: Literal["adam"] = "adam"
    beta_1: Fraction
    beta_2: Fraction
    epsilon: Above
    amsgrad: bool


OptimizerSettings = Annotated[SgdSettings | AdamSettings, pydantic.Field(discriminator="name")]
