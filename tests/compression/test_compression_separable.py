import numpy as np
import pytest
from compression_cases import classes, compiled, digits_model, interpreter
from real_data import digits
from rewriting_cases import fine_tuned, noise, outputs, randomized, served, state

from pipeline.compression.export import to_tflite
from pipeline.compression.quantization import quantize
from pipeline.compression.separable import separate
from pipeline.keras import keras, tf
from pipeline.measurement.flops import count_flops
from pipeline.measurement.outputs import tflite_outputs

L = keras.layers


def one(filters=4, kernel=3, *, channels=3, size=(11, 9), **options):
    """A model of one convolution."""
    inputs = keras.Input((*size, channels))
    return randomized(keras.Model(inputs, L.Conv2D(filters, kernel, name="conv", **options)(inputs)))


def composed(model, shape):
    """The kernel that a separated convolution amounts to."""
    height, width, channels, filters = shape
    depthwise = model.get_layer("conv_depthwise").depthwise_kernel.numpy().reshape(height, width, -1, channels)
    pointwise = model.get_layer("conv").kernel.numpy().reshape(-1, channels, filters)
    return np.einsum("hwrc,rcf->hwcf", depthwise, pointwise)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"padding": "valid", "activation": "relu"},
        {"padding": "same", "strides": 2, "activation": "tanh"},
        {"padding": "valid", "strides": 2},
        {"padding": "same", "strides": 3, "kernel": 2},
        {"padding": "same", "strides": 2, "kernel": (5, 3)},
        {"padding": "same", "dilation_rate": 2},
        {"padding": "valid", "dilation_rate": (2, 1), "activation": "relu"},
        {"padding": "same", "dilation_rate": (1, 3)},
        {"kernel": (1, 3), "filters": 2},
        {"kernel": (5, 1), "filters": 12},
    ],
    ids=str,
)
def test_all_terms_compute_what_the_convolution_computes(options, bias):
    model = one(use_bias=bias, **options)
    made, (account,) = separate(model, rank=100, min_gain=0)
    height, width, _, filters = model.get_layer("conv").kernel.shape
    assert (account.rank, account.error, account.skipped) == (min(height * width, filters), 0, "")
    np.testing.assert_allclose(outputs(made, noise(2, 11, 9, 3)), outputs(model, noise(2, 11, 9, 3)), atol=1e-4)
    assert made.output_shape == model.output_shape


def test_the_error_falls_with_the_rank_and_is_the_tail_of_the_singular_values():
    model = one(filters=16)
    kernel = model.get_layer("conv").kernel.numpy().astype(float)
    tails = [np.linalg.svd(kernel[:, :, channel].reshape(9, 16), compute_uv=False) for channel in range(3)]
    errors = []
    for rank in range(1, 10):
        made, (account,) = separate(model, rank=rank, min_gain=0)
        errors.append(account.error)
        lost = np.linalg.norm(composed(made, kernel.shape) - kernel)
        tail = np.sqrt(sum((values[rank:] ** 2).sum() for values in tails))
        np.testing.assert_allclose([lost, account.error * np.linalg.norm(kernel)], tail, atol=1e-5)
    assert errors == sorted(errors, reverse=True)
    assert len(set(errors)) == 9


def test_the_parts_keep_all_that_the_convolution_had():
    regularizers = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}
    # This initializer fits the old kernel alone.
    initializer = keras.initializers.Constant(np.ones((3, 3, 3, 8)).tolist())
    model = one(8, strides=2, activation="relu", kernel_initializer=initializer, dtype="mixed_bfloat16", **regularizers)
    made, (account,) = separate(model, rank=2)
    depthwise, pointwise = made.get_layer("conv_depthwise"), made.get_layer("conv")
    assert [layer.name for layer in made.layers[1:]] == ["conv_copies", "conv_depthwise", "conv"]
    assert (depthwise.depth_multiplier, depthwise.use_bias, depthwise.strides) == (1, False, (2, 2))
    assert (pointwise.kernel_size, pointwise.strides, pointwise.padding) == ((1, 1), (1, 1), "valid")
    assert pointwise.activation is keras.activations.relu
    assert (depthwise.depthwise_regularizer.l2, pointwise.kernel_regularizer.l2) == pytest.approx((0.01, 0.01))
    assert (pointwise.bias_regularizer.l1, pointwise.activity_regularizer.l2) == pytest.approx((0.01, 0.01))
    assert {layer.dtype_policy.name for layer in made.layers[1:]} == {"mixed_bfloat16"}
    np.testing.assert_array_equal(pointwise.bias, model.get_layer("conv").bias)
    assert (account.rank, account.name) == (2, "conv")


def test_channels_that_come_first_are_separated_alike():
    model = one(8, size=(3, 11), channels=9, data_format="channels_first", padding="same")  # (3, 11, 9): 3 channels
    made, (account,) = separate(model, rank=9, min_gain=0)
    assert made.get_layer("conv_copies").axis == 1
    assert made.output_shape == model.output_shape == (None, 8, 11, 9)
    np.testing.assert_allclose(composed(made, (3, 3, 3, 8)), model.get_layer("conv").kernel, atol=1e-5)
    assert account.before == 11 * 9 * 9 * 3 * 8


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"channels": 1}, "it has 1 input channel, so there is nothing to separate"),
        ({"kernel": 1}, "its kernel is 1x1, so it is pointwise already"),
        ({"channels": 4, "groups": 2}, "it has 2 groups; only a convolution of 1 is separated"),
        ({"strides": (2, 1)}, "its strides (2, 1) differ, and a depthwise convolution takes equal ones"),
        ({"kernel_constraint": "max_norm"}, "its kernel has a constraint, which two kernels would not keep"),
    ],
)
def test_what_has_no_separable_form_is_left_with_the_reason(options, reason):
    model = one(**options)
    made, (account,) = separate(model, rank=1, layers=["conv"])
    assert (account.skipped, account.rank, account.before) == (reason, 0, account.after)
    assert made.get_config() == model.get_config()


def test_transposed_depthwise_and_separable_convolutions_are_not_considered():
    layers = [L.Conv2DTranspose(4, 3), L.DepthwiseConv2D(3), L.SeparableConv2D(4, 3)]
    model = keras.Sequential([keras.Input((9, 9, 2)), *layers])
    made, accounts = separate(model, rank=1)
    assert accounts == []
    assert [type(layer) for layer in made.layers[1:]] == [type(layer) for layer in layers]


def test_layers_are_chosen_by_name_by_error_and_by_gain():
    layers = [L.Conv2D(8, 3, name="easy"), L.Conv2D(8, 3, name="hard"), L.Conv2D(2, 3, name="cheap")]
    model = randomized(keras.Sequential([keras.Input((12, 12, 2)), *layers]))
    kernel, bias = model.get_layer("easy").get_weights()
    kernel[:] = np.outer(np.arange(1.0, 10.0), np.arange(1.0, 9.0)).reshape(3, 3, 1, 8)
    model.get_layer("easy").set_weights([kernel, bias])

    def rewritten(**options):
        made, accounts = separate(model, **options)
        names = [each.name for each in accounts if not each.skipped]
        assert names == [each.name for each in accounts if f"{each.name}_depthwise" in {x.name for x in made.layers}]
        return names, accounts

    assert rewritten(rank=1)[0] == ["easy", "hard", "cheap"]
    assert rewritten(rank=1, layers=["hard"])[0] == ["hard"]
    assert rewritten(rank=1, max_error=0.01)[0] == ["easy"]
    assert rewritten(rank=1, min_gain=2)[0] == ["easy", "hard"]
    _, accounts = rewritten(max_error=0.2, min_gain=0)
    assert accounts[0].rank == 1 < accounts[1].rank
    assert all(each.error <= 0.2 for each in accounts)
    below = separate(model, rank=accounts[1].rank - 1, min_gain=0)[1][1]
    assert below.error > 0.2


def test_the_multiply_adds_are_those_of_the_exported_file(tmp_path):
    model = one(16, padding="same", strides=2)
    made, (account,) = separate(model, rank=2)
    for each, expected in ((model, account.before), (made, account.after)):
        (tmp_path / "model.tflite").write_bytes(to_tflite(each))
        flops = count_flops(tmp_path / "model.tflite")
        additions = 6 * 5 * (16 if each is model else 16 + 6)  # a bias for each value, also of zeros
        assert flops["flops"] == 2 * expected + additions


def test_terms_of_value_0_can_still_be_trained():
    model = one(8)
    kernel, bias = model.get_layer("conv").get_weights()
    kernel[:, :, 1] = 0
    model.get_layer("conv").set_weights([kernel, bias])
    made, _ = separate(model, rank=2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(noise(2, 11, 9, 3)) ** 2)
    gradient = tape.gradient(loss, made.get_layer("conv").kernel).numpy().reshape(2, 3, 8)
    assert (gradient != 0).all()


def test_a_trained_network_is_separated_saved_exported_and_fine_tuned(tmp_path):
    model = digits_model()
    before = state(model)
    made, accounts = separate(model, rank=1)
    assert state(model) == before
    assert [(each.name, each.rank, bool(each.skipped)) for each in accounts] == [
        ("conv_1", 0, True),
        ("conv_2", 1, False),
    ]
    assert accounts[1].before == 4 * 4 * 9 * 8 * 16
    assert accounts[1].after == 4 * 4 * (9 * 8 + 8 * 16)
    assert model.count_params() - made.count_params() == 9 * 8 * 16 - (9 * 8 + 8 * 16)
    accuracy = served(fine_tuned(made), tmp_path)
    assert accuracy > 0.9  # that of the model is 0.958, and 0.442 without fine-tuning


def test_above_rank_1_it_is_quantized_without_a_depth_multiplier(tmp_path):
    data = digits()
    made, _ = separate(digits_model(), rank=4)
    content = quantize(made, "int8", data.train.features[:50])
    (tmp_path / "model.tflite").write_bytes(content)
    kinds = [each["op_name"] for each in interpreter(content)._get_ops_details()]
    assert (kinds.count("DEPTHWISE_CONV_2D"), kinds.count("CONCATENATION")) == (1, 1)
    given = tflite_outputs(tmp_path / "model.tflite", data.test.features[:200])
    same = classes(given) == classes(outputs(made, data.test.features[:200].astype(np.float32)))
    assert np.mean(same) > 0.97


def test_batch_normalization_behind_it_goes_on_training():
    made, _ = separate(digits_model(), rank=1)
    norm = made.get_layer("norm_2")
    before = norm.moving_mean.numpy()
    compiled(made).fit(digits().train.features[:64].astype(np.float32), digits().train.labels[:64], verbose=0)
    assert (norm.moving_mean.numpy() != before).all()
