import numpy as np
import pytest
from compression_cases import digits_model, random_batch, table_model

from pipeline.compression.hints import hint_features, hint_model
from pipeline.keras import keras
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.training import determinism


def student():
    determinism.start(1)
    return cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[4, 6], units=8, dropout=0.0)


def test_the_teachers_features_are_those_of_its_layer():
    batch = random_batch(digits_model())
    features = hint_features(digits_model(), "relu_2")
    assert features.output_shape == (None, 4, 4, 16)
    logits = hint_features(digits_model(), "logits")
    np.testing.assert_array_equal(logits.predict_on_batch(batch), digits_model().predict_on_batch(batch))


@pytest.mark.parametrize(
    ("layer", "shape", "parameters"), [("pool_1", (4, 4, 16), 4 * 16 + 16), ("dense", (32,), 8 * 32 + 32)]
)
def test_a_regressor_that_is_thrown_away_stands_between_the_layers(layer, shape, parameters):
    made = student()
    layers, configuration, before = len(made.layers), made.get_config(), made.get_weights()
    hinted = hint_model(made, layer, shape)
    assert hinted.output_shape == (None, *shape)
    regressor = hinted.layers[-1]
    assert regressor.count_params() == parameters
    batch = random_batch(made)
    wanted = np.random.default_rng(0).normal(size=(len(batch), *shape)).astype(np.float32)
    hinted.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    losses = hinted.fit(batch, wanted, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert (len(made.layers), made.get_config()) == (layers, configuration)
    trained = {id(weight) for each in hinted.layers[:-1] for weight in each.trainable_weights}
    moved = [not np.array_equal(one, two) for one, two in zip(before, made.get_weights(), strict=True)]
    assert all(changed for changed, weight in zip(moved, made.weights, strict=True) if id(weight) in trained)
    assert not moved[-1]  # the bias of the logits, behind the hinted layer


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda: hint_features(digits_model(), "pool_9"), r"^cnn has no layer 'pool_9'; accepted: .*pool_1, conv_2"),
        (lambda: hint_model(student(), "pool_9", (4,)), r"^cnn has no layer 'pool_9'; accepted: "),
        (
            lambda: hint_model(student(), "pool_1", (2, 2, 8)),
            r"^layer pool_1 gives features of shape \(4, 4, 4\), the teacher's are \(2, 2, 8\); accepted: a layer",
        ),
        (lambda: hint_model(student(), "dense", (4, 4, 8)), r"^layer dense gives features of shape \(8,\), the"),
        (lambda: hint_model(student(), "pool_1", (16,)), r"^layer pool_1 gives features of shape \(4, 4, 4\), the"),
    ],
)
def test_what_can_not_be_hinted_is_refused(ask, line):
    with pytest.raises(ValueError, match=line):
        ask()


def test_a_table_has_hints_too():
    assert hint_features(table_model(), "dense_1").output_shape == (None, 16)
    assert hint_model(table_model(), "dense_1", (5,)).output_shape == (None, 5)
