import numpy as np
import pytest

from pipeline.data.sources.breast_cancer import load_breast_cancer
from pipeline.data.sources.digits import load_digits
from pipeline.data.split import split
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.inputs import scaled_input
from pipeline.models.mlp import mlp

IMAGE = load_digits().features[:16].astype(np.float32)


def an_mlp(shape=(8, 8, 1), classes=10, units=(16, 8), **scaling):
    keras.utils.set_random_seed(0)
    return mlp(*scaled_input(shape, **scaling), classes, units=units, dropout=0.25)


def a_cnn(shape=(8, 8, 1), classes=10, filters=(4, 8)):
    keras.utils.set_random_seed(0)
    return cnn(*scaled_input(shape, scale=16.0), classes, filters=filters, units=16, dropout=0.25)


# Counted by hand: Dense in*out + out, Conv2D 3*3*in*out without bias, batch normalization 4 a channel, half trained.
CASES = [
    (lambda: an_mlp(), (64 * 16 + 16) + (16 * 8 + 8) + (8 * 10 + 10), 0),
    (lambda: an_mlp(units=()), 64 * 10 + 10, 0),
    (lambda: an_mlp((30,), 2, mean=[0.0] * 30, variance=[1.0] * 30), (30 * 16 + 16) + (16 * 8 + 8) + (8 * 2 + 2), 0),
    (lambda: a_cnn(), 36 + 16 + 288 + 32 + (2 * 2 * 8 * 16 + 16) + (16 * 10 + 10), 2 * 4 + 2 * 8),
    (lambda: a_cnn((9, 13, 3), 5, (4,)), 108 + 16 + (4 * 6 * 4 * 16 + 16) + (16 * 5 + 5), 2 * 4),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_shapes_and_parameters(number):
    build, parameters, fixed = CASES[number]
    model = build()
    assert model.count_params() == parameters
    assert sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights) == fixed
    assert model.input.name == "features"
    assert model.input.dtype == tf.float32
    assert model.output_shape == (None, model.layers[-1].units)
    for batch in (1, 3):
        assert model(np.ones((batch, *model.input_shape[1:]), np.float32)).shape == (batch, model.layers[-1].units)


@pytest.mark.parametrize("build", [an_mlp, a_cnn])
def test_outputs_are_logits(build):
    model = build()
    logits = model(IMAGE).numpy()
    assert model.layers[-1].activation is keras.activations.linear
    assert (logits < 0).any()
    assert (abs(logits.sum(axis=1) - 1) > 1e-3).any()
    doubled = [2 * weight for weight in model.layers[-1].get_weights()]
    model.layers[-1].set_weights(doubled)
    np.testing.assert_allclose(model(IMAGE), 2 * logits, rtol=1e-5)


@pytest.mark.parametrize("build", [an_mlp, a_cnn])
def test_dropout_drops_in_training_only(build):
    model = build()
    np.testing.assert_array_equal(model(IMAGE, training=False), model(IMAGE, training=False))
    layer = model.get_layer("dropout")
    dropped = layer(np.ones((200, 50), np.float32), training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.02)
    assert dropped.max() == pytest.approx(1 / 0.75)


def test_a_network_of_one_convolution_computes_what_numpy_does():
    model = a_cnn((2, 2, 1), 3, (2,))
    kernel, (gamma, beta, mean, variance) = model.get_layer("conv_1").kernel.numpy(), model.get_layer("norm_1").weights
    image = IMAGE[0, 2:4, 2:4, 0]
    padded = np.pad(image / 16, 1)
    windows = np.stack([[padded[y : y + 3, x : x + 3] for x in range(2)] for y in range(2)])
    convolved = np.einsum("yxij,ijf->yxf", windows, kernel[:, :, 0])
    normed = (convolved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    pooled = np.maximum(normed, 0).max(axis=(0, 1))
    hidden = np.maximum(pooled @ model.get_layer("dense").kernel.numpy() + model.get_layer("dense").bias, 0)
    expected = hidden @ model.get_layer("logits").kernel.numpy() + model.get_layer("logits").bias
    np.testing.assert_allclose(model(image[None, :, :, None])[0], expected, atol=1e-5)


@pytest.mark.parametrize(("shape", "blocks", "most"), [((8, 8, 1), 4, 3), ((64, 3, 1), 2, 1), ((1, 9, 1), 1, 0)])
def test_an_image_too_small_is_refused_with_the_number_of_blocks_it_can_take(shape, blocks, most):
    with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]} .* {blocks} blocks .*accepted: at most {most}$") as no:
        a_cnn(shape, filters=[2] * blocks)
    assert "\n" not in str(no.value)
    if most:
        assert a_cnn(shape, filters=[2] * most).output_shape == (None, 10)


def test_images_are_divided_by_their_scale():
    features, scaled = scaled_input((8, 8, 1), scale=16.0)
    np.testing.assert_allclose(keras.Model(features, scaled)(IMAGE), IMAGE / 16, rtol=1e-6)


def test_tables_are_normalized_by_mean_and_variance():
    dataset = split(load_breast_cancer(), validation=0.2, test=0.2, seed=0)
    info, table = dataset.info, dataset.train.features
    features, scaled = scaled_input(info.feature_shape, mean=info.mean, variance=info.variance)
    normalized = keras.Model(features, scaled)(table).numpy()
    expected = (table - np.array(info.mean)) / np.sqrt(info.variance)
    np.testing.assert_allclose(normalized, expected, atol=1e-4)
    np.testing.assert_allclose(normalized.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(normalized.std(axis=0), 1, atol=1e-3)
