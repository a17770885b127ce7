"""What the tests of low-rank rewrites share."""

import numpy as np
from compression_cases import classes, compiled
from real_data import digits

from pipeline.compression.export import to_tflite
from pipeline.keras import keras
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.files import load_model, save_model, weights_digest
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


def served(model, folder):
    """The accuracy on the test part of a model that computes the same once saved, and once exported."""
    features, labels = digits().test.features.astype(np.float32), digits().test.labels
    expected = outputs(model, features)
    save_model(model, folder / "model.keras")
    np.testing.assert_array_equal(outputs(load_model(folder / "model.keras"), features), expected)
    (folder / "model.tflite").write_bytes(to_tflite(model))
    np.testing.assert_allclose(tflite_outputs(folder / "model.tflite", features[:40]), expected[:40], atol=1e-3)
    return np.mean(classes(expected) == labels)
