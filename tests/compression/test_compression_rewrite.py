"""What separation and factorization have in common: which models they take, and what stays as it was."""

import numpy as np
import pytest
from odd_models import Subclassed, at_two_sizes, nested, unbuilt, with_lambda
from rewriting_cases import noise, outputs, randomized, state

from pipeline.compression.low_rank import factorize
from pipeline.compression.rank import decide, relative_errors
from pipeline.compression.rewrite import Part, rewrite
from pipeline.compression.separable import separate
from pipeline.keras import keras, tf
from pipeline.models.files import load_model, save_model

L = keras.layers


def branches():
    """Arithmetic between tensors, two inputs, two outputs, one of them of a layer that is replaced."""
    image, table = keras.Input((6, 6, 2), name="image"), keras.Input((3,), name="table")
    x = L.Conv2D(4, 3, padding="same", name="conv")(image)
    x = tf.nn.relu(x) + 2 * L.BatchNormalization(name="norm")(x)
    x = L.Concatenate(name="both")([L.Flatten(name="flatten")(x), L.Dense(5, "tanh", name="hidden")(table)])
    x = L.Dropout(0.5, name="dropout")(x)
    return randomized(keras.Model([image, table], [L.Dense(3, name="first")(x), L.Dense(1, name="second")(x)]))


FULL = {"rank": 1000, "min_gain": 0.0}


def test_a_graph_of_branches_is_rewritten_in_place_and_the_callers_model_is_left_alone(tmp_path):
    model, batch = branches(), [noise(5, 6, 6, 2), noise(5, 3)]
    before, expected = state(model), outputs(model, batch)
    names = ["hidden", "first", "second"]
    thin, accounts = factorize(model, **FULL, layers=names)
    assert [each.name for each in accounts] == names
    both, _ = separate(thin, **FULL)
    assert state(model) == before
    save_model(both, tmp_path / "model.keras")
    for made in (thin, both, load_model(tmp_path / "model.keras")):
        assert made.input_names == ["image", "table"]
        assert made.output_names == ["first", "second"]
        for one, other in zip(outputs(made, batch), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in both.weights}
    added = {layer.name for layer in both.layers} - {layer.name for layer in model.layers}
    assert added == {"conv_copies", "conv_depthwise", "hidden_low_rank", "first_low_rank", "second_low_rank"}


def test_the_same_model_gives_the_same_file(tmp_path):
    model = branches()
    for name in ("one", "two"):
        save_model(factorize(separate(model, rank=2)[0], share=0.5, min_gain=0)[0], tmp_path / f"{name}.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()


def test_a_sequential_model_becomes_a_functional_one_of_the_same_name():
    layers = [keras.Input((6, 6, 2)), L.Conv2D(4, 3, name="conv"), L.ReLU(name="relu"), L.Flatten(name="flat")]
    model = randomized(keras.Sequential([*layers, L.Dense(5, name="dense")], name="line"))
    before, batch = state(model), noise(4, 6, 6, 2)
    made = factorize(separate(model, **FULL)[0], **FULL, layers=["dense"])[0]
    assert state(model) == before
    assert made.name == "line"
    names = ["conv_copies", "conv_depthwise", "conv", "relu", "flat", "dense_low_rank", "dense"]
    assert [layer.name for layer in made.layers][1:] == names
    np.testing.assert_allclose(outputs(made, batch), outputs(model, batch), atol=1e-4)


def test_without_a_layer_to_replace_a_model_is_copied():
    model = branches()
    copy = rewrite(model, {})
    assert copy.get_config() == model.get_config()
    for mine, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_was_frozen_stays_frozen_and_the_rest_is_trained():
    model = branches()
    model.get_layer("conv").trainable = model.get_layer("norm").trainable = False
    made = factorize(separate(model, **FULL)[0], **FULL)[0]
    frozen = {layer.name for layer in made.layers if not layer.trainable}
    assert {"conv_depthwise", "conv", "norm"} <= frozen
    assert not frozen & {"hidden", "hidden_low_rank", "first", "second"}


@pytest.mark.parametrize(
    ("technique", "build", "options", "said"),
    [
        (
            factorize,
            Subclassed,
            {},
            "subclassed: factorization takes functional and sequential models, not a subclassed one",
        ),
        (
            separate,
            Subclassed,
            {},
            "subclassed: separation takes functional and sequential models, not a subclassed one",
        ),
        (factorize, nested, {}, "inner: factorization does not take a model inside a model; flatten it first"),
        (separate, unbuilt, {}, "open: separation takes a model that knows its input shape; begin it with an Input"),
        (separate, with_lambda, {}, "twice: separation can't copy a Lambda layer; accepted: Keras's other layers"),
        (
            separate,
            lambda: at_two_sizes(L.Conv2D(3, 3, name="conv"), 6, 6, 3),
            {},
            "conv: separation does not take a layer that is used 2 times; accepted: layers used once, named in layers",
        ),
        (
            factorize,
            lambda: at_two_sizes(L.Dense(4, name="dense"), 6, 3),
            {},
            "dense: factorization does not take a layer that is used 2 times; "
            "accepted: layers used once, named in layers",
        ),
        (
            separate,
            branches,
            {"layers": ["first"]},
            "layers names first, which is no Conv2D layer; accepted: conv",
        ),
        (
            separate,
            lambda: keras.Sequential([keras.Input((4,)), L.Dense(2)]),
            {"layers": ["conv"]},
            "layers names conv, which is no Conv2D layer; accepted: none, the model has no such layer",
        ),
        (factorize, branches, {"share": 0.5}, "rank and share are both set; accepted: one of them"),
        (factorize, branches, {"rank": None, "share": 0.0}, "share=0.0; accepted: above 0, up to 1"),
        (factorize, branches, {"rank": None}, "neither a rank nor max_error is set; accepted: one of them, or both"),
        (separate, branches, {"rank": 0}, "rank=0; accepted: 1 or more"),
        (separate, branches, {"max_error": 1.5}, "max_error=1.5; accepted: 0 to 1"),
        (separate, branches, {"min_gain": float("nan")}, "min_gain=nan; accepted: 0 or more"),
    ],
)
def test_what_cannot_be_rewritten_is_refused_with_one_line(technique, build, options, said):
    keras.backend.clear_session()
    with pytest.raises(ValueError, match=r".") as caught:
        technique(build(), **{"rank": 1, **options})
    assert str(caught.value) == said


def test_a_shared_layer_is_no_obstacle_where_it_is_not_replaced():
    inputs = keras.Input((3,))
    twice = L.Dense(3, name="twice")
    model = randomized(keras.Model(inputs, L.Dense(40, name="wide")(twice(twice(inputs)))))
    made, accounts = factorize(model, rank=2, layers=["wide"])
    assert [each.name for each in accounts] == ["wide"]
    with_two = factorize(model, layers=["wide"], **FULL)[0]
    np.testing.assert_allclose(outputs(with_two, noise(4, 3)), outputs(model, noise(4, 3)), atol=1e-4)
    assert len(made.get_layer("twice").inbound_nodes) == 2


@pytest.mark.parametrize("technique", [separate, factorize])
def test_a_kernel_that_is_not_finite_is_named(technique):
    model = branches()
    name = "conv" if technique is separate else "hidden"
    kernel, bias = model.get_layer(name).get_weights()
    kernel.flat[3] = np.nan
    model.get_layer(name).set_weights([kernel, bias])
    with pytest.raises(ValueError, match=f"^{name}: its kernel is not finite; accepted"):
        technique(model, rank=1)


def test_a_new_name_that_is_taken_is_refused():
    layers = [keras.Input((6, 6, 2)), L.Conv2D(4, 3, name="conv"), L.ReLU(name="conv_depthwise")]
    with pytest.raises(ValueError, match=r"^conv: its part conv_depthwise has the name of another layer; rename that"):
        separate(keras.Sequential(layers), rank=1)


def test_a_part_may_take_its_input_several_times():
    model = keras.Sequential([keras.Input((3,)), L.ReLU(name="act")])
    parts = [Part(L.Concatenate(name="joined"), copies=4), Part(L.ReLU(name="act"))]
    made = rewrite(model, {"act": parts})
    np.testing.assert_array_equal(outputs(made, noise(2, 3)), np.maximum(np.tile(noise(2, 3), 4), 0))


def test_errors_are_the_tail_of_the_singular_values():
    errors = relative_errors(np.array([4.0, 2.0, 1.0, 0.0]))
    np.testing.assert_allclose(errors, np.sqrt(np.array([21, 5, 1, 0, 0]) / 21))
    np.testing.assert_allclose(relative_errors(np.array([[3.0, 0.0], [0.0, 4.0]])), [1, 0.8, 0])
    np.testing.assert_array_equal(relative_errors(np.zeros(3)), np.zeros(4))


@pytest.mark.parametrize(
    ("rank", "max_error", "min_gain", "chosen", "skipped"),
    [
        (2, None, 1.0, 2, ""),
        (None, 0.5, 1.0, 2, ""),
        (None, 0.49, 1.0, 3, "its gain 0.83 at rank 3 is not above min_gain=1"),
        (None, 1.0, 1.0, 1, ""),
        (None, 0.0, 0.0, 4, ""),
        (9, None, 0.0, 4, ""),
        (1, 0.6, 1.0, 1, "its relative error 0.700 at rank 1 is above max_error=0.6"),
        (2, 0.5, 1.25, 2, "its gain 1.25 at rank 2 is not above min_gain=1.25"),
    ],
)
def test_the_rank_is_as_asked_or_the_lowest_within_the_error(rank, max_error, min_gain, chosen, skipped):
    errors = np.array([1.0, 0.7, 0.5, 0.2, 0.0])
    account = decide("x", errors, before=100, each=40, rank=rank, max_error=max_error, min_gain=min_gain)
    assert (account.rank, account.error, account.skipped) == (chosen, errors[chosen], skipped)
    assert (account.before, account.after) == (100, 100 if skipped else 40 * chosen)
