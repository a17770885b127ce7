"""Small models and a training on one device or several, shared by the tests of pipeline parallelism."""

import tempfile
from pathlib import Path

import numpy as np

from pipeline.distribution.pipeline_parallel import HERE
from pipeline.keras import keras, tf
from pipeline.optimizers import SGD, Adam
from pipeline.training.determinism import start
from pipeline.training.fit import fit

LAYERS = keras.layers
EXAMPLES, BATCH, STEPS = 100, 24, 5  # the last batch has 4 examples
EPOCHS = 10
BOUND = 1e-6
"""Of weights below 1 after 50 steps; measured: 5e-8 to 3e-7. Sums of float32 gradients differ in their order."""

OPTIMIZERS = {
    "sgd": lambda: SGD(0.05, momentum=0.9),
    "adam": lambda: Adam(0.002, epsilon=1e-3),
}
"""Adam with an epsilon that keeps gradients of 1e-8, which are rounding alone, from making full steps."""


def mlp():
    inputs = keras.Input((8, 8, 1))
    x = LAYERS.Flatten(name="flatten")(inputs)
    for width in (48, 32):
        x = LAYERS.Dense(width, activation="tanh", name=f"dense_{width}")(x)
    return keras.Model(inputs, LAYERS.Dense(10, name="logits", kernel_regularizer=keras.regularizers.L2(1e-3))(x))


def cnn():
    inputs = keras.Input((8, 8, 1))
    x = LAYERS.Conv2D(6, 3, padding="same", activation="tanh", name="conv_1")(inputs)
    x = LAYERS.AveragePooling2D(name="pool_1")(x)
    x = LAYERS.Conv2D(8, 3, padding="same", activation="tanh", name="conv_2")(x)
    return keras.Model(inputs, LAYERS.Dense(10, name="logits")(LAYERS.Flatten(name="flatten")(x)))


def residual(*, norm=False, dropout=0.0):
    """Three blocks whose shortcuts lie over every cut between add_0 and add_2; the input is used at the end again."""
    inputs = keras.Input((8, 8, 1))
    x = LAYERS.Conv2D(4, 3, padding="same", name="stem")(inputs)
    for number in range(3):
        shortcut = x
        x = LAYERS.Conv2D(4, 3, padding="same", activation="tanh", name=f"conv_{number}")(x)
        x = LAYERS.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x) if norm else x
        x = LAYERS.Dropout(dropout, name=f"drop_{number}")(x) if dropout else x
        x = LAYERS.Add(name=f"add_{number}")([x, shortcut])
    x = LAYERS.Concatenate(name="join")([x, inputs])
    return keras.Model(inputs, LAYERS.Dense(10, name="logits")(LAYERS.Flatten(name="flatten")(x)))


MODELS = {"mlp": mlp, "cnn": cnn, "residual": residual}


def data():
    """Random images, classes and weights."""
    noise = np.random.default_rng(0)
    images = noise.normal(size=(EXAMPLES, 8, 8, 1)).astype("float32")
    labels = noise.integers(0, 10, EXAMPLES).astype("int32")
    return images, labels, noise.random(EXAMPLES).astype("float32")


def train(make, optimizer, engine, *, epochs=EPOCHS, batch=BATCH, state=None, callbacks=()):
    """Trains a model and returns it with its history."""
    start(1)
    model = make()
    batches = tf.data.Dataset.from_tensor_slices(data()).batch(batch)
    steps = -(-EXAMPLES // batch)
    with tempfile.TemporaryDirectory() as folder:
        history = fit(
            model,
            lambda first: batches.repeat(epochs - first),
            lambda: tf.data.Dataset.from_tensor_slices(data()[:2]).batch(batch),
            optimizer=optimizer(),
            epochs=epochs,
            steps_per_epoch=steps,
            seed=0,
            state=state or Path(folder),
            on_progress=lambda *_: None,
            distribution=engine,
            callbacks=callbacks,
        )
    return model, history


def distance(one, other):
    """The largest difference of any weight."""
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(first - second).max()) for first, second in pairs)


def here(stages):
    """So many stages in this process."""
    return [HERE] * stages
