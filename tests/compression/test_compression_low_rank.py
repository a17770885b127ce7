import numpy as np
import pytest
from compression_cases import digits_model, mixed_model, regression_model
from real_data import mixed
from rewriting_cases import fine_tuned, noise, outputs, randomized, served, state

from pipeline.compression.low_rank import factorize
from pipeline.keras import keras, tf

L = keras.layers


def one(units=7, *shape, **options):
    """A model of one Dense layer, and another that nobody factorizes by default."""
    inputs = keras.Input(shape or (12,))
    return randomized(keras.Model(inputs, L.Dense(2, name="last")(L.Dense(units, name="dense", **options)(inputs))))


def only(model, **options):
    """The model with "dense" factorized, and its account."""
    made, (account,) = factorize(model, layers=["dense"], **options)
    return made, account


@pytest.mark.parametrize("shape", [(12,), (5,), (4, 12), (None, 3, 6)])
@pytest.mark.parametrize(
    "options", [{}, {"use_bias": False}, {"activation": "relu"}, {"activation": "softmax"}], ids=str
)
def test_all_terms_compute_what_the_layer_computes(shape, options):
    model = one(7, *shape, **options)
    made, account = only(model, share=1.0, min_gain=0)
    assert (account.rank, account.error, account.skipped) == (min(shape[-1], 7), 0, "")
    batch = noise(3, *(size or 2 for size in shape))
    np.testing.assert_allclose(outputs(made, batch), outputs(model, batch), atol=1e-4)
    assert made.output_shape == model.output_shape


def test_the_error_falls_with_the_rank_and_is_the_tail_of_the_singular_values():
    model = one(20, 15)
    kernel = model.get_layer("dense").kernel.numpy().astype(float)
    values = np.linalg.svd(kernel, compute_uv=False)
    errors = []
    for rank in range(1, 16):
        made, account = only(model, rank=rank, min_gain=0)
        errors.append(account.error)
        product = made.get_layer("dense_low_rank").kernel.numpy() @ made.get_layer("dense").kernel.numpy()
        lost = [np.linalg.norm(product - kernel), account.error * np.linalg.norm(kernel)]
        np.testing.assert_allclose(lost, np.linalg.norm(values[rank:]), atol=1e-5)
        assert account.after == rank * 35
        assert made.count_params() == rank * 35 + 20 + 42
    assert errors == sorted(errors, reverse=True)


def test_the_parts_keep_all_that_the_layer_had():
    regularizers = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}
    # This initializer fits the old kernel alone.
    initializer = keras.initializers.Constant(np.ones((12, 40)).tolist())
    model = one(40, activation="relu", kernel_initializer=initializer, dtype="mixed_bfloat16", **regularizers)
    made, _ = factorize(model, rank=3)
    thin, wide = made.get_layer("dense_low_rank"), made.get_layer("dense")
    assert [layer.name for layer in made.layers[1:]] == ["dense_low_rank", "dense", "last"]
    assert (thin.units, thin.use_bias, thin.activation) == (3, False, keras.activations.linear)
    assert (wide.units, wide.activation) == (40, keras.activations.relu)
    assert (thin.kernel_regularizer.l2, wide.kernel_regularizer.l2) == pytest.approx((0.01, 0.01))
    assert (wide.bias_regularizer.l1, wide.activity_regularizer.l2) == pytest.approx((0.01, 0.01))
    assert thin.dtype_policy.name == wide.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(wide.bias, model.get_layer("dense").bias)


@pytest.mark.parametrize(
    ("options", "rank"),
    [({"share": 0.25}, 3), ({"share": 0.26}, 4), ({"share": 0.001}, 1), ({"rank": 5}, 5), ({"max_error": 0.0}, 12)],
)
def test_the_rank_is_a_number_or_a_share_or_what_the_error_needs(options, rank):
    assert only(one(40), min_gain=0, **options)[1].rank == rank


def test_a_layer_that_would_grow_or_lose_too_much_is_left_with_the_reason():
    model = one(10, 12)
    made, account = only(model, rank=6)
    assert account.skipped == "its gain 0.91 at rank 6 is not above min_gain=1"
    assert made.get_config() == model.get_config()
    assert only(model, rank=1, max_error=0.01)[1].skipped.startswith("its relative error 0.")
    _, account = only(one(10, kernel_constraint="max_norm"), rank=1)
    assert account.skipped == "its kernel has a constraint, which two kernels would not keep"


def test_a_factorized_layer_is_not_factorized_again():
    once, _ = factorize(one(40), rank=4)
    names = ["dense_low_rank", "dense"]
    twice, accounts = factorize(once, rank=1, layers=names)
    assert [each.name for each in accounts] == names
    assert {each.skipped for each in accounts} == {"it is half of a factorized layer already"}
    assert twice.get_config() == once.get_config()


def test_terms_of_value_0_can_still_be_trained():
    model = one(40)
    model.get_layer("dense").set_weights([np.zeros((12, 40)), np.ones(40)])
    made, account = only(model, rank=3)
    assert account.error == 0
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(noise(2, 12)) ** 2)
    assert (tape.gradient(loss, made.get_layer("dense").kernel).numpy() != 0).all()


def test_a_trained_network_is_factorized_saved_exported_and_fine_tuned(tmp_path):
    model = digits_model()
    before = state(model)
    made, accounts = factorize(model, rank=8)
    assert state(model) == before
    assert [(each.name, each.rank, each.skipped) for each in accounts] == [
        ("dense", 8, ""),
        ("logits", 0, "it gives the model's output; named in layers it would be factorized"),
    ]
    assert model.count_params() - made.count_params() == accounts[0].before - accounts[0].after
    accuracy = served(fine_tuned(made), tmp_path)
    assert accuracy > 0.95  # that of the model is 0.958, and 0.940 without fine-tuning


@pytest.mark.parametrize("build", [mixed_model, regression_model])
def test_models_of_tables_are_factorized(build):
    model = build()
    names = [layer.name for layer in model.layers if type(layer) is L.Dense]
    made, accounts = factorize(model, rank=1000, min_gain=0, layers=names)
    assert not any(each.skipped for each in accounts)
    features = mixed().test.features if build is mixed_model else np.zeros((3, model.input_shape[1]), np.float32)
    expected = outputs(model, features)
    np.testing.assert_allclose(outputs(made, features), expected, atol=1e-5 * np.abs(expected).max() + 1e-4)


@pytest.mark.parametrize("tail", [[], [L.Softmax], [L.Reshape, L.ReLU]])
def test_the_layer_that_gives_the_output_is_left_unless_it_is_named(tail):
    x = inputs = keras.Input((20,))
    for layer in (L.Dense(30, name="hidden"), L.ReLU(), L.Dense(20, name="last")):
        x = layer(x)
    for kind in tail:
        x = (kind((4, 5)) if kind is L.Reshape else kind())(x)
    model = keras.Model(inputs, x)
    _, (hidden, last) = factorize(model, rank=2)
    assert (hidden.skipped, last.skipped[:28]) == ("", "it gives the model's output;")
    made, (account,) = factorize(model, rank=2, layers=["last"])
    assert account.skipped == ""
    assert made.output_shape == model.output_shape
