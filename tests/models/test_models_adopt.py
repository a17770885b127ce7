import json

import numpy as np
import pytest
from odd_models import Subclassed
from real_data import digits

from pipeline.keras import keras, tf
from pipeline.models.adopt import adopt, require_logits
from pipeline.models.files import load_model, save_model

L = keras.layers
SHAPE = (8, 8, 1)
IMAGE = digits().train.features[:16].astype(np.float32)


def sequential(*last, name="mine"):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(SHAPE), L.Conv2D(2, 3, activation="relu"), L.Flatten(), *last], name=name)


def forked():
    keras.utils.set_random_seed(0)
    x = keras.Input(SHAPE, name="pixels")
    flat = L.Flatten()(x)
    joined = L.Concatenate()([L.Dense(4, activation="relu")(flat), tf.nn.relu(flat - 0.5), flat])
    return keras.Model(x, L.Softmax()(L.Dense(10)(joined)), name="forked")


ENDINGS = {
    "dense": lambda: sequential(L.Dense(10, activation="softmax")),
    "layer": lambda: sequential(L.Dense(10), L.Softmax()),
    "activation": lambda: sequential(L.Dense(10), L.Activation("softmax")),
    "function": lambda: sequential(L.Dense(10, activation=tf.nn.softmax)),
    "functional": forked,
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_a_softmax_is_taken_off_and_raw_features_are_scaled(ending, scale, tmp_path):
    model = ENDINGS[ending]()
    before, weights = model.get_config(), model.get_weights()
    expected = model(IMAGE / scale).numpy()
    adopted, notes = adopt(model, SHAPE, 10, scale=scale)
    logits = adopted(IMAGE).numpy()
    assert notes[0] == "the final softmax was taken off: the outputs are logits"
    assert notes[1:] == ([] if scale == 1 else ["a layer that divides the features by 16 was put in front"])
    np.testing.assert_allclose(tf.nn.softmax(logits), expected, atol=1e-5)
    assert abs(logits.sum(axis=1) - 1).max() > 0.01
    assert not isinstance(adopted, keras.Sequential)
    assert adopted.name == model.name
    save_model(adopted, tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(IMAGE), logits)
    adopted.set_weights([np.zeros_like(each) for each in adopted.get_weights()])
    assert json.dumps(model.get_config()) == json.dumps(before)
    for one, two in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(model(IMAGE / scale), expected)


def test_a_model_that_gives_logits_is_taken_as_it_is():
    model = sequential(L.BatchNormalization(), L.Dropout(0.5), L.Dense(10))
    adopted, notes = adopt(model, SHAPE, 10)
    assert notes == []
    assert [layer.name for layer in adopted.layers[1:]] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(adopted(IMAGE), model(IMAGE))


def test_endings_of_other_tasks():
    model = sequential(L.Dense(4, activation="sigmoid"))
    adopted, _ = adopt(model, SHAPE, 4, task="multi_label")
    np.testing.assert_allclose(tf.sigmoid(adopted(IMAGE)), model(IMAGE), atol=1e-5)
    model = sequential(L.Dense(1, activation="relu"))
    adopted, notes = adopt(model, SHAPE, 1, task="regression")
    np.testing.assert_array_equal(adopted(IMAGE), model(IMAGE))
    assert notes == []


def two_inputs():
    one, two = keras.Input(SHAPE), keras.Input(SHAPE)
    return keras.Model([one, two], L.Dense(10)(L.Flatten()(L.Add()([one, two]))), name="mine")


def two_outputs():
    one = keras.Input(SHAPE)
    flat = L.Flatten()(one)
    return keras.Model(one, [L.Dense(10)(flat), L.Dense(10)(flat)], name="mine")


def of_input(**options):
    one = keras.Input(**options)
    return keras.Model(one, L.Dense(10)(L.Flatten()(L.Rescaling(1.0)(one))), name="mine")


def shared_ending():
    one, act = keras.Input(SHAPE), L.Activation("softmax", name="act")
    return keras.Model(one, act(L.Dense(10)(act(L.Flatten()(one)))), name="mine")


class Doubled(L.Layer):
    def call(self, x):
        return 2 * x


class Unsaved(L.Layer):
    """Keras can't save it: what it is made of is in no configuration."""

    def __init__(self, function):
        super().__init__()
        self.function = function


def twice(x):
    return 2 * x


REFUSED = {
    "nothing": (lambda: None, "a builtins.NoneType; accepted: a model of Keras 2, which is tf_keras"),
    "subclassed": (lambda: Subclassed(name="mine"), "mine: a subclassed model; accepted: a functional or sequential"),
    "no input": (
        lambda: keras.Sequential([L.Dense(10)], name="mine"),
        "mine: has no input shape; accepted: a model th",
    ),
    "lambda": (lambda: sequential(L.Lambda(twice), L.Dense(10)), "mine: refused, because a Lambda layer may run code"),
    "own layer": (lambda: sequential(Doubled(), L.Dense(10)), "mine: refused, because test_models_adopt.Doubled may"),
    "unsaved": (
        lambda: sequential(Unsaved(twice), L.Dense(10)),
        "mine: can't be saved: Layer Unsaved was created",
    ),
    "own function": (lambda: sequential(L.Dense(10, activation=twice)), "mine: refused, because the function twice"),
    "inputs": (two_inputs, "mine: has 2 inputs; accepted: 1"),
    "outputs": (two_outputs, "mine: has 2 outputs; accepted: 1"),
    "integers": (lambda: of_input(shape=SHAPE, dtype="uint8"), "mine: inputs of dtype uint8; accepted: float32"),
    "batch": (
        lambda: of_input(shape=SHAPE, batch_size=4),
        "mine: takes (4, 8, 8, 1); accepted: (None, 8, 8, 1), by the data",
    ),
    "shape": (lambda: of_input(shape=(64,)), "mine: takes (None, 64); accepted: (None, 8, 8, 1), by the data"),
    "classes": (lambda: sequential(L.Dense(9)), "mine: gives (None, 9); accepted: (None, 10), by the data"),
    "rank": (lambda: sequential(L.Reshape((1, 72)), L.Dense(10)), "mine: gives (None, 1, 10); accepted: (None, 10)"),
    "sigmoid": (
        lambda: sequential(L.Dense(10, activation="sigmoid")),
        "mine: ends in sigmoid; accepted: logits, which is no activation, or softmax",
    ),
    "shared": (shared_ending, "act: the last layer is used more than once; accepted: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case):
    build, said = REFUSED[case]
    model = build()
    with pytest.raises(ValueError, match=r"^\S") as caught:
        adopt(model, SHAPE, 10)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_keras_is_refused_by_name():
    newer = type("Model", (), {"__module__": "keras.src.models"})()
    with pytest.raises(ValueError, match=r"^a keras\.src\.models\.Model; accepted: a model of Keras 2"):
        adopt(newer, SHAPE, 10)


def test_outputs_that_look_like_probabilities_are_refused():
    logits = np.array([[-1.0, 2.0], [0.3, 0.4]])
    shares = np.array([[0.25, 0.75], [0.5, 0.5]])
    for task in ("classification", "multi_label", "regression"):
        require_logits(logits, task)
    require_logits(shares, "regression")
    require_logits(np.array([[0.2, 0.9], [0.5, 0.5]]), "classification")
    for task in ("classification", "multi_label"):
        with pytest.raises(ValueError, match=r"^outputs that look like probabilities; accepted: logits, before"):
            require_logits(shares, task)
    with pytest.raises(ValueError, match=r"^outputs that are not finite"):
        require_logits(np.array([[np.nan]]), "regression")
