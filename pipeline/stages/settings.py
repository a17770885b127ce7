"""Settings that several stages share."""

import dataclasses
from typing import Annotated, Any, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.stage import OUTSIDE_KEY, STRICT

Positive = Annotated[int, pydantic.Field(gt=0)]
Fraction = Annotated[float, pydantic.Field(ge=0, lt=1)]
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**31)]

TRAINING_LIBRARIES = ("tensorflow", "tf-keras", "numpy")


@dataclass(config=STRICT, kw_only=True)
class MlpSettings:
    """A multilayer perceptron."""

    family: Literal["mlp"] = "mlp"
    units: Annotated[list[Positive], pydantic.Field(min_length=1)]
    dropout: Fraction

    @property
    def kernels(self) -> list[str]:
        """Names of the layers that have a kernel, known without building the model."""
        return [*(f"dense_{number}" for number, _ in enumerate(self.units, start=1)), "logits"]


@dataclass(config=STRICT, kw_only=True)
class CnnSettings:
    """A small convolutional network."""

    family: Literal["cnn"] = "cnn"
    filters: Annotated[list[Positive], pydantic.Field(min_length=1)]
    convolutions: Positive = 1
    kernel: Positive = 3
    downsample: Literal["pool", "stride"] = "pool"
    units: Positive
    dropout: Fraction

    @property
    def kernels(self) -> list[str]:
        """Names of the layers that have a kernel, known without building the model."""
        more = [f"_{place}" for place in range(2, self.convolutions + 1)]
        blocks = range(1, len(self.filters) + 1)
        return [*(f"conv_{block}{place}" for block in blocks for place in ("", *more)), "dense", "logits"]


@dataclass(config=STRICT, kw_only=True)
class ResnetSettings:
    """A residual network for small images."""

    family: Literal["resnet"] = "resnet"
    filters: Annotated[list[Positive], pydantic.Field(min_length=1)]
    blocks: Positive
    dropout: Fraction

    @property
    def kernels(self) -> list[str]:
        """Names of the layers that have a kernel, known without building the model."""
        names = ["conv_stem"]
        for stage, _ in enumerate(self.filters, start=1):
            for block in range(1, self.blocks + 1):
                shortcut = [f"conv_{stage}_{block}_shortcut"] if stage > 1 and block == 1 else []
                names += [f"conv_{stage}_{block}_1", f"conv_{stage}_{block}_2", *shortcut]
        return [*names, "logits"]


@dataclass(config=STRICT, kw_only=True)
class MobilenetSettings:
    """A network of depthwise separable convolutions."""

    family: Literal["mobilenet"] = "mobilenet"
    stem: Positive
    stem_stride: Literal[1, 2]
    filters: Annotated[list[Positive], pydantic.Field(min_length=1)]
    blocks: Positive | Annotated[list[Positive], pydantic.Field(min_length=1)]
    width: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
    dropout: Fraction
    pool: Literal["average", "none"] = "average"

    @property
    def kernels(self) -> list[str]:
        """Names of the layers that have a kernel, known without building the model; depthwise ones don't count."""
        depths = [self.blocks] * len(self.filters) if isinstance(self.blocks, int) else self.blocks
        blocks = [(stage, block) for stage, depth in enumerate(depths, start=1) for block in range(1, depth + 1)]
        return ["conv_stem", *(f"conv_{stage}_{block}" for stage, block in blocks), "logits"]


Family = MlpSettings | CnnSettings | ResnetSettings | MobilenetSettings
ModelSettings = Annotated[Family, pydantic.Field(discriminator="family")]
OptionalModelSettings = Annotated[Family | None, pydantic.Field(discriminator="family")]
"""None where the model is an input instead."""


Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Count = Annotated[int, pydantic.Field(ge=0)]
NotNegative = Annotated[float, pydantic.Field(ge=0)]


@dataclass(config=STRICT, kw_only=True)
class AugmentSettings:
    """Random changes of training examples, as `Augmentation` has them."""

    flip: bool
    flip_vertical: bool
    crop: Count
    rotate: NotNegative
    translate: Share
    scale: Share
    brightness: Share
    contrast: Share
    cutout: Count
    mixup: NotNegative
    cutmix: NotNegative
    rand_augment: Count
    magnitude: Count
    noise: NotNegative

    def of_images(self) -> list[str]:
        """Returns the names of those that are on and that only images can have."""
        names = [field.name for field in dataclasses.fields(self)]
        return [name for name in names if name not in ("mixup", "magnitude", "noise") and getattr(self, name)]

    def policy(self) -> Any:
        """Returns them as the data room takes them."""
        from pipeline.data.augmentation.policy import Augmentation

        return Augmentation(**dataclasses.asdict(self))


@dataclass(config=STRICT, kw_only=True)
class InputSettings:
    """How training reads its examples; only `last_batch` changes what it reads."""

    last_batch: Literal["keep", "drop", "pad"]
    cache: Literal["auto", "memory", "disk"] = dataclasses.field(metadata=OUTSIDE_KEY)
    memory_mb: Positive = dataclasses.field(metadata=OUTSIDE_KEY)
    readers: Positive | None = dataclasses.field(metadata=OUTSIDE_KEY)

    def arguments(self) -> dict[str, Any]:
        """Returns those that say where examples are kept, as the data room takes them."""
        return {"cache": self.cache, "memory_limit": self.memory_mb * 2**20, "readers": self.readers}
