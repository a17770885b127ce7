"""What to change at random in training examples, and whether it can be done to a dataset."""

import math
from dataclasses import dataclass

from pipeline.data.dataset import Info


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training examples; all are off by default.

    Attributes:
        flip: Images: mirror left to right with probability 0.5.
        flip_vertical: Images: mirror top to bottom with probability 0.5.
        crop: Images: pixels of zeros put on each side, from which a window of the original size is cut.
        rotate: Images: turn by up to so many degrees, each way.
        translate: Images: move by up to this share of the side, each way along each axis.
        scale: Images: zoom by a factor of 1 - scale to 1 + scale.
        brightness: Images: add up to this share of the value range, each way.
        contrast: Images: multiply the distance to the image's mean by a factor of 1 - contrast to 1 + contrast.
        cutout: Images: the side in pixels of a zeroed square (arXiv:1708.04552).
        mixup: The alpha of the Beta distribution by which two examples are blended (arXiv:1710.09412).
        cutmix: Images: the alpha of the Beta distribution of the share that a rectangle of another image leaves
            (arXiv:1905.04899).
        rand_augment: Images: operations drawn for each image (arXiv:1909.13719).
        magnitude: Strength of the operations of `rand_augment`, 0 to 10.
        noise: Tables: standard deviation of the Gaussian noise, in standard deviations of each numeric column.
    """

    flip: bool = False
    flip_vertical: bool = False
    crop: int = 0
    rotate: float = 0.0
    translate: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    rand_augment: int = 0
    magnitude: int = 5
    noise: float = 0.0

    @property
    def active(self) -> bool:
        """Whether anything changes."""
        return any(getattr(self, name) for name in (*_IMAGES_ONLY, *_TABLES_ONLY, "mixup"))

    @property
    def mixes(self) -> bool:
        """Whether two examples are mixed, so that targets must be rows of shares."""
        return bool(self.mixup or self.cutmix)


_IMAGES_ONLY = (
    "flip",
    "flip_vertical",
    "crop",
    "rotate",
    "translate",
    "scale",
    "brightness",
    "contrast",
    "cutout",
    "cutmix",
    "rand_augment",
)
_TABLES_ONLY = ("noise",)

# The greatest value accepted; the least is 0. Past a scale of 0.9 a zoom leaves less than a tenth of the image.
_GREATEST = {
    "rotate": 180.0,
    "translate": 1.0,
    "scale": 0.9,
    "brightness": 1.0,
    "contrast": 1.0,
    "mixup": 100.0,
    "cutmix": 100.0,
    "rand_augment": 10,
    "magnitude": 10,
    "noise": 10.0,
}


def check(augmentation: Augmentation, info: Info) -> None:
    """Refuses what can't be done to a dataset.

    Raises:
        ValueError: When a field is out of range, is not for this kind of data, or excludes another.
    """
    foreign, kind = (_TABLES_ONLY, "images") if info.kind == "image" else (_IMAGES_ONLY, "tables")
    for name in foreign:
        if value := getattr(augmentation, name):
            raise ValueError(f"{name} {value} can't be done to {kind}; accepted: {type(value)()}")
    greatest = dict(_GREATEST)
    if info.kind == "image":
        side = min(info.feature_shape[:2])
        greatest |= {"crop": side - 1, "cutout": side}
    for name, most in greatest.items():
        value = getattr(augmentation, name)
        if not (math.isfinite(value) and 0 <= value <= most):
            raise ValueError(f"{name} {value}; accepted: 0 to {most}")
    if augmentation.mixup and augmentation.cutmix:
        raise ValueError(f"mixup {augmentation.mixup} and cutmix {augmentation.cutmix}; accepted: one of them")
    if info.kind == "table" and augmentation.active and all(column.kind != "numeric" for column in info.columns):
        name = "noise" if augmentation.noise else "mixup"
        raise ValueError(f"{name} needs a numeric column, and there is none; accepted: 0")
