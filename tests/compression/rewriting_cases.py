"""What the tests of low-rank rewrites share."""

import numpy as np
from compression_cases import compiled
from real_data import digits

from pipeline.keras import keras
from pipeline.models.files import weights_digest
from pipeline.training import determinism


def outputs(model, batch):
    return keras.backend.get_value(model(batch, training=False))


def noise(*shape):
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def state(model):
    """All that a technique must leave as it was."""
    return weights_digest(model), model.get_config(), [id(layer) for layer in model.layers], uses(model)


def uses(model):
    return [(len(layer.inbound_nodes), len(layer.outbound_nodes)) for layer in model.layers]


def randomized(model):
    """The model with every weight drawn anew, biases and moving averages included."""
    values = np.random.default_rng(5)
    model.set_weights(
        [values.uniform(0.1, 1.0, weight.shape) - 0.4 * (weight.ndim > 1) for weight in model.get_weights()]
    )
    return model


def fine_tuned(model):
    determinism.start(0)
    train = digits().train
    compiled(model, 0.003).fit(train.features.astype(np.float32), train.labels, 32, 3, verbose=0)
    return model


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def nested():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="inner")
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))


def unbuilt():
    return keras.Sequential([keras.layers.Dense(3)], name="open")


def with_lambda():
    return keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x, name="twice")])


def shared(layer, *shape):
    """A model that uses a layer twice, once on another size."""
    inputs = keras.Input(shape)
    larger = keras.layers.UpSampling1D if len(shape) == 2 else keras.layers.UpSampling2D
    return keras.Model(inputs, [layer(inputs), layer(larger()(inputs))])
