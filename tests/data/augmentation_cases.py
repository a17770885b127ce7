"""Images and seeds that the tests of augmentation share."""

import numpy as np

from pipeline.data.augmentation.apply import augment
from pipeline.data.augmentation.policy import Augmentation
from pipeline.keras import tf

# Square and not, one channel and three, a batch of one.
SHAPES = [(32, 8, 8, 1), (32, 7, 5, 3), (1, 6, 9, 3)]

# Of every statistical test: with fixed seeds none flakes, and a sound draw had this chance to be called unsound.
SIGNIFICANCE = 1e-3


def pictures(shape, dtype="uint8"):
    return np.random.default_rng(0).integers(1, 256 if dtype in ("uint8", "float32") else 100, shape).astype(dtype)


def seed_of(*numbers):
    return tf.constant(numbers or (3, 9), tf.int64)


def augmented(images, targets=0.0, seed=None, value_range=255.0, **fields):
    """What `augment` makes of arrays, as arrays."""
    augmentation, seed = Augmentation(**fields), seed_of() if seed is None else seed
    found, labels = augment(tf.constant(images), tf.constant(targets), seed, augmentation, scale=value_range)
    return found.numpy(), labels.numpy()
