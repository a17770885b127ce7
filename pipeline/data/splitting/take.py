"""A split made of images."""

import numpy as np

from pipeline.data.dataset import PARTS, Dataset, Info, Split
from pipeline.data.examples import Images


def take_images(images: Images, parts: np.ndarray) -> Dataset:
    """Returns the images of each part, in their source's order.

    Args:
        images: Of any source.
        parts: The index in PARTS of each, or FREE for one that is left out.

    Raises:
        ValueError: When a part is empty.
    """
    split = {}
    for index, part in enumerate(PARTS):
        here = np.flatnonzero(parts == index)
        split[part] = Split(images.features[here], images.targets.values[here])
    mean, variance = 0.0, 1.0
    if images.targets.task == "regression":
        mean, variance = target_moments(split["train"].labels)
    info = Info(
        kind="image",
        task=images.targets.task,
        feature_shape=images.features.shape[1:],
        dtype=str(images.features.dtype),
        class_names=images.targets.names,
        scale=images.scale,
        target_mean=mean,
        target_variance=variance,
    )
    return Dataset(info, **split)


def target_moments(train: np.ndarray) -> tuple[float, float]:
    """Returns the mean and variance of the training part's targets, float32 of shape (n,); 1.0 for a constant's."""
    # A constant's computed variance is rounding noise, not 0, and would be divided by.
    if train.min() == train.max():
        return float(train[0]), 1.0
    return float(train.mean(dtype=np.float64)), float(train.var(dtype=np.float64))
