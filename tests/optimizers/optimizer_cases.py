"""The options of SGD and Adam in one table, and training on given gradients."""

import numpy as np

from pipeline.keras import keras, tf
from pipeline.optimizers import SGD, Adam

OURS = {"sgd": SGD, "adam": Adam}
STOCK = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
SHAPES = ((260, 260), (40,), (3, 3, 4, 8))
"""One variable that is updated by itself, two that Adam lays end to end."""

COMMON = {
    "plain": {},
    "rate": {"learning_rate": 0.0078125},
    "decay": {"weight_decay": 0.125},
    "value": {"clipvalue": 0.125},
    "norm": {"clipnorm": 0.5},
    "global norm": {"global_clipnorm": 0.5},
    "averages": {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 7},
    "everything": {"weight_decay": 0.125, "global_clipnorm": 0.5, "use_ema": True, "ema_overwrite_frequency": 3},
}
"""Numbers that float32 holds, because Keras passes them through it even for float64 weights."""

OWN = {
    "sgd": {"": {}, "momentum": {"momentum": 0.875}, "nesterov": {"momentum": 0.875, "nesterov": True}},
    "adam": {"": {}, "amsgrad": {"amsgrad": True}, "betas": {"beta_1": 0.75, "beta_2": 0.96875, "epsilon": 2**-20}},
}
CASES = {
    f"{kind} {own} {common}": (kind, {**first, **second})
    for kind, options in OWN.items()
    for own, first in options.items()
    for common, second in COMMON.items()
}


def start(dtype="float32", seed=0, shapes=SHAPES):
    """Initial weights."""
    noise = np.random.default_rng(seed)
    return [noise.normal(size=shape).astype(dtype) for shape in shapes]


def gradients(steps, dtype="float32", seed=1, shapes=SHAPES):
    """Gradients that agree a little from step to step."""
    noise = np.random.default_rng(seed)
    for _ in range(steps):
        yield [(0.1 * noise.normal(size=shape) + 0.03).astype("float32").astype(dtype) for shape in shapes]


def variables(weights):
    return [tf.Variable(each, name=f"weights_{place}") for place, each in enumerate(weights)]


def follow(optimizer, weights, steps):
    """Takes steps in a `tf.function` and returns the weights."""
    trained = variables(weights)
    optimizer.build(trained)

    @tf.function
    def step(given):
        optimizer.apply_gradients(zip(given, trained, strict=True))

    for given in steps:
        step([tf.constant(each) for each in given])
    return [each.numpy() for each in trained]


def far(found, expected):
    """The largest distance of any variable, relative to its norm."""
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(found, expected, strict=True))
