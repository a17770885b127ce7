"""Models of a kind that most techniques refuse, shared by the tests of what they say then."""

from pipeline.keras import keras


class Subclassed(keras.Model):
    """A model that no one can look into."""

    def call(self, inputs):
        return inputs


def nested():
    """A model inside a model, named "inner"."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="inner")
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))


def unbuilt():
    return keras.Sequential([keras.layers.Dense(3)], name="open")


def with_lambda():
    return keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x, name="twice")])


def used_twice():
    """A Dense layer, named "twice", before another and behind it."""
    inputs, twice = keras.Input((6,)), keras.layers.Dense(6, name="twice")
    x = twice(keras.layers.Dense(6, name="first")(twice(inputs)))
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def at_two_sizes(layer, *shape):
    """A model that uses a layer twice, once on another size."""
    inputs = keras.Input(shape)
    larger = keras.layers.UpSampling1D if len(shape) == 2 else keras.layers.UpSampling2D
    return keras.Model(inputs, [layer(inputs), layer(larger()(inputs))])
