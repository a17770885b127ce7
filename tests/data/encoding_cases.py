"""Parts to write as records, and writing them."""

import numpy as np

from pipeline.data.dataset import Column, Info, Split
from pipeline.data.encoding.records import write_part

RANDOM = np.random.default_rng(0)


def photos(channels, count=9):
    """Smooth pictures, as photographs are, which a lossy codec keeps well."""
    y, x = np.mgrid[0:20, 0:24]
    waves = [
        128 + 100 * np.sin(x / (5 + each) + channel) * np.cos(y / 7)
        for each in range(count)
        for channel in range(channels)
    ]
    return np.stack(waves).reshape(count, channels, 20, 24).transpose(0, 2, 3, 1).astype(np.uint8)


def image_info(features, scale=255.0):
    return Info("image", "classification", features.shape[1:], features.dtype.name, ("a", "b", "c"), scale=scale)


def table_info(features):
    columns = tuple(Column(f"c{index}", "numeric") for index in range(features.shape[1]))
    return Info("table", "classification", features.shape[1:], features.dtype.name, ("a", "b", "c"), columns)


def classes(count):
    return (np.arange(count) % 3).astype(np.int32)


def written(folder, features, labels=None, scale=255.0, affine=None, **arguments):
    info = image_info(features, scale) if features.ndim == 4 else table_info(features)
    split = Split(features, classes(len(features)) if labels is None else labels, affine)
    write_part(split, info, folder, **{"codec": "raw", **arguments})
    return split


def assert_same(one, other):
    assert one.features.dtype == other.features.dtype
    assert one.features.tobytes() == other.features.tobytes()
    assert one.features.shape == other.features.shape
    assert one.labels.dtype == other.labels.dtype
    np.testing.assert_array_equal(one.labels, other.labels)
