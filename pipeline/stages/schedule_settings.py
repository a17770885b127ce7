"""Settings of the learning-rate schedules, as `pipeline.optimizers.schedules` has them."""

import dataclasses
from typing import Annotated, Any, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.stage import STRICT

_Share = Annotated[float, pydantic.Field(ge=0, le=1)]
_SomeShare = Annotated[float, pydantic.Field(gt=0, le=1)]


class _Schedule:
    def arguments(self) -> dict[str, Any]:
        """Returns the settings as `build_schedule` takes them, without the name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "name"}  # type: ignore[arg-type]


@dataclass(config=STRICT, kw_only=True)
class ConstantSettings(_Schedule):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"


@dataclass(config=STRICT, kw_only=True)
class StepSettings(_Schedule):
    """A rate that drops now and then."""

    name: Literal["step"] = "step"
    factor: _SomeShare
    every: Annotated[float, pydantic.Field(ge=0.01, le=1)]


@dataclass(config=STRICT, kw_only=True)
class ExponentialSettings(_Schedule):
    """A rate that falls by the same ratio with each step."""

    name: Literal["exponential"] = "exponential"
    final: _SomeShare


@dataclass(config=STRICT, kw_only=True)
class CosineSettings(_Schedule):
    """A rate that falls along half a cosine."""

    name: Literal["cosine"] = "cosine"
    final: _Share


@dataclass(config=STRICT, kw_only=True)
class CosineRestartsSettings(_Schedule):
    """A rate that falls along half a cosine several times over (SGDR, arXiv:1608.03983)."""

    name: Literal["cosine_restarts"] = "cosine_restarts"
    cycles: Annotated[int, pydantic.Field(ge=1, le=100)]
    lengthen: Annotated[float, pydantic.Field(ge=1, le=10)]
    decay: _SomeShare


@dataclass(config=STRICT, kw_only=True)
class PolynomialSettings(_Schedule):
    """A rate that falls along a power of the steps left."""

    name: Literal["polynomial"] = "polynomial"
    power: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
    final: _Share


@dataclass(config=STRICT, kw_only=True)
class OneCycleSettings(_Schedule):
    """A rate that rises along a line, then falls along half a cosine (arXiv:1708.07120)."""

    name: Literal["one_cycle"] = "one_cycle"
    start: _SomeShare
    rise: Annotated[float, pydantic.Field(gt=0, lt=1)]
    final: _Share


ScheduleSettings = Annotated[
    ConstantSettings
    | StepSettings
    | ExponentialSettings
    | CosineSettings
    | CosineRestartsSettings
    | PolynomialSettings
    | OneCycleSettings,
    pydantic.Field(discriminator="name"),
]
