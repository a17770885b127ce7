import numpy as np
import pytest
from real_data import Column, digits

from pipeline.compression.export import keras_outputs, to_tflite
from pipeline.keras import keras, tf
from pipeline.measurement.outputs import tflite_outputs
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input, table_input
from pipeline.models.mlp import mlp
from pipeline.models.mobilenet import mobilenet
from pipeline.models.resnet import resnet

IMAGE = digits().train.features[:16].astype(np.float32)


def an_mlp(outputs=10, units=(16, 8), columns=(), **task):
    keras.utils.set_random_seed(0)
    front = table_input(columns) if columns else image_input((8, 8, 1))
    return mlp(*front, outputs, units=units, dropout=0.25, **task)


def a_cnn(outputs=10, shape=(8, 8, 1), filters=(4, 8), units=16, **options):
    keras.utils.set_random_seed(0)
    return cnn(*image_input(shape, scale=16.0), outputs, filters=filters, units=units, dropout=0.25, **options)


def a_resnet(outputs=10, shape=(8, 8, 1), filters=(4, 8), blocks=1, **task):
    keras.utils.set_random_seed(0)
    return resnet(*image_input(shape, scale=16.0), outputs, filters=filters, blocks=blocks, dropout=0.25, **task)


def a_mobilenet(outputs=10, shape=(8, 8, 1), filters=(16, 32), **options):
    keras.utils.set_random_seed(0)
    options = {"stem": 8, "stem_stride": 1, "blocks": 1, "width": 0.5, **options}
    return mobilenet(*image_input(shape, scale=16.0), outputs, filters=filters, dropout=0.25, **options)


def a_strided_cnn(outputs=10, shape=(8, 8, 1), **options):
    return a_cnn(outputs, shape, kernel=5, downsample="stride", **options)


FAMILIES = {"mlp": an_mlp, "cnn": a_cnn, "strided": a_strided_cnn, "resnet": a_resnet, "mobilenet": a_mobilenet}


COLOR = Column("color", "categorical", ("blue", "green", "red"))

# Counted by hand: Dense in*out + out, Conv2D 3*3*in*out without bias, batch normalization 4 a channel, half trained.
CASES = [
    (lambda: an_mlp(), (64 * 16 + 16) + (16 * 8 + 8) + (8 * 10 + 10), 0),
    (lambda: an_mlp(units=()), 64 * 10 + 10, 0),
    (lambda: an_mlp(2, columns=[Column("x", "numeric")] * 30), (30 * 16 + 16) + (16 * 8 + 8) + (8 * 2 + 2), 0),
    (lambda: an_mlp(2, columns=[COLOR, *[Column("x", "numeric")] * 5]), 4 * 3 + (8 * 16 + 16) + (16 * 8 + 8) + 18, 0),
    (lambda: a_cnn(), 36 + 16 + 288 + 32 + (2 * 2 * 8 * 16 + 16) + (16 * 10 + 10), 2 * 4 + 2 * 8),
    (lambda: a_cnn(5, (9, 13, 3), (4,)), 108 + 16 + (4 * 6 * 4 * 16 + 16) + (16 * 5 + 5), 2 * 4),
    (  # the reference of the benchmarks, a plain Keras script
        lambda: a_cnn(10, (28, 28, 1), (32, 64), 128, convolutions=2),
        9 * (32 + 32 * 32 + 32 * 64 + 64 * 64) + 4 * 2 * (32 + 64) + (7 * 7 * 64 * 128 + 128) + (128 * 10 + 10),
        2 * 2 * (32 + 64),
    ),
    (  # halved rounding up, 9x13 to 5x7 to 3x4
        lambda: a_cnn(10, (9, 13, 3), convolutions=2, kernel=5, downsample="stride"),
        25 * 3 * 4 + 9 * (4 * 4 + 4 * 8 + 8 * 8) + 4 * 2 * (4 + 8) + (3 * 4 * 8 * 16 + 16) + (16 * 10 + 10),
        2 * 2 * (4 + 8),
    ),
    (
        lambda: a_resnet(),
        9 * (4 + 2 * 4 * 4 + 4 * 8 + 8 * 8) + 4 * 8 + 4 * (3 * 4 + 3 * 8) + (8 * 10 + 10),
        2 * (3 * 4 + 3 * 8),
    ),
    (
        lambda: a_resnet(5, (9, 13, 3), (4, 4, 8), 2),  # the second stage halves, and so projects, 4 filters to 4
        9 * (3 * 4 + 8 * 4 * 4 + 4 * 8 + 3 * 8 * 8) + 4 * 4 + 4 * 8 + 4 * (10 * 4 + 5 * 8) + (8 * 5 + 5),
        2 * (10 * 4 + 5 * 8),
    ),
    (
        lambda: a_mobilenet(),
        (9 * 4 + 16) + (9 * 4 + 16) + (4 * 8 + 32) + (9 * 8 + 32) + (8 * 16 + 64) + (16 * 10 + 10),
        2 * (4 + 4 + 8 + 8 + 16),
    ),
    (
        lambda: a_mobilenet(5, (9, 13, 3), (4,), stem=3, blocks=2, width=1.0),
        (9 * 3 * 3 + 12) + (9 * 3 + 12) + (3 * 4 + 16) + (9 * 4 + 16) + (4 * 4 + 16) + (4 * 5 + 5),
        2 * (3 + 3 + 4 + 4 + 4),
    ),
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


@pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES)
def test_outputs_are_logits(build):
    model = build()
    logits = model(IMAGE).numpy()
    assert model.layers[-1].activation is keras.activations.linear
    assert (logits < 0).any()
    assert (abs(logits.sum(axis=1) - 1) > 1e-3).any()
    doubled = [2 * weight for weight in model.layers[-1].get_weights()]
    model.layers[-1].set_weights(doubled)
    np.testing.assert_allclose(model(IMAGE), 2 * logits, rtol=1e-5)


@pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES)
def test_dropout_drops_in_training_only(build):
    model = build()
    np.testing.assert_array_equal(model(IMAGE, training=False), model(IMAGE, training=False))
    layer = model.get_layer("dropout")
    dropped = layer(np.ones((200, 50), np.float32), training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.02)
    assert dropped.max() == pytest.approx(1 / 0.75)


def test_a_network_of_one_convolution_computes_what_numpy_does():
    model = a_cnn(3, (2, 2, 1), (2,))
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
        a_cnn(10, shape, [2] * blocks)
    assert "\n" not in str(no.value)
    if most:
        assert a_cnn(10, shape, [2] * most).output_shape == (None, 10)


@pytest.mark.parametrize(
    ("build", "halvings", "most"),
    [
        (lambda: a_resnet(10, (9, 4, 1), (2, 2, 2, 2)), 3, 2),
        (lambda: a_mobilenet(10, (9, 4, 1), (2, 2, 2, 2)), 3, 2),
        (lambda: a_mobilenet(10, (1, 9, 1), (2,), stem_stride=2), 1, 0),
    ],
    ids=["resnet", "mobilenet", "stem"],
)
def test_an_image_too_small_is_refused_with_the_number_of_strides_it_can_take(build, halvings, most):
    said = f"too small to be halved {halvings} times; accepted: at most {most} strides of 2$"
    with pytest.raises(ValueError, match=f"^an image of .* is {said}"):
        build()


def test_every_stage_but_the_first_halves_the_image():
    model = a_resnet(10, (8, 4, 1), (2, 3, 4), 2)
    shapes = [model.get_layer(f"relu_{stage}_2").output.shape[1:] for stage in (1, 2, 3)]
    assert shapes == [(8, 4, 2), (4, 2, 3), (2, 1, 4)]
    model = a_mobilenet(10, (8, 8, 1), (4, 6), blocks=2, stem_stride=2)
    shapes = [model.get_layer(name).output.shape[1:] for name in ("relu_stem", "relu_1_2", "relu_2_1", "relu_2_2")]
    assert shapes == [(4, 4, 4), (4, 4, 2), (2, 2, 3), (2, 2, 3)]


def test_a_mobilenet_has_as_many_blocks_as_each_stage_says_and_may_weigh_each_place_by_itself():
    model = a_mobilenet(10, (8, 8, 1), (4, 6), stem=4, blocks=(1, 2), width=1.0, pool="none")
    names = [layer.name for layer in model.layers]
    assert [name for name in names if name.startswith("conv")] == ["conv_stem", "conv_1_1", "conv_2_1", "conv_2_2"]
    assert model.get_layer("logits").kernel.shape == (4 * 4 * 6, 10)
    assert "pool" not in names


def test_blocks_of_another_number_than_the_stages_are_refused():
    with pytest.raises(ValueError, match="3 blocks for 2 filters; accepted: one number, or one a stage"):
        a_mobilenet(10, (8, 8, 1), (4, 6), blocks=(1, 2, 3))


def test_a_residual_block_adds_to_what_it_is_given():
    model = a_resnet(blocks=2)
    model.get_layer("norm_1_2_2").set_weights([np.zeros(4), np.zeros(4), np.zeros(4), np.ones(4)])
    inside = keras.Model(model.input, [model.get_layer(name).output for name in ("relu_1_1", "relu_1_2")])
    given, made = inside(IMAGE)
    np.testing.assert_array_equal(given, made)
    assert np.ptp(given) > 0


def test_more_convolutions_a_block_leave_the_names_of_the_first_as_they_are():
    names = [layer.name for layer in a_cnn(filters=(4, 8), convolutions=2).layers]
    assert set(names) > {layer.name for layer in a_cnn().layers}
    assert names[2:9] == ["conv_1", "norm_1", "relu_1", "conv_1_2", "norm_1_2", "relu_1_2", "pool_1"]


def test_strides_halve_in_the_first_convolution_of_a_block_and_no_pooling_does():
    model = a_cnn(shape=(9, 13, 1), convolutions=2, downsample="stride")
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    sizes = {name: model.get_layer(name).output_shape[1:3] for name in ("conv_1", "conv_1_2", "conv_2", "conv_2_2")}
    assert sizes == {"conv_1": (5, 7), "conv_1_2": (5, 7), "conv_2": (3, 4), "conv_2_2": (3, 4)}


@pytest.mark.parametrize("family", FAMILIES)
def test_its_tflite_file_computes_the_same(family, tmp_path):
    model = FAMILIES[family]()
    noise = np.random.default_rng(0)
    model.set_weights([each + noise.uniform(0.01, 0.1, each.shape) for each in model.get_weights()])
    (tmp_path / "model.tflite").write_bytes(to_tflite(model))
    expected = keras_outputs(model, IMAGE)
    np.testing.assert_allclose(tflite_outputs(tmp_path / "model.tflite", IMAGE), expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_its_onnx_file_computes_the_same(family, tmp_path):
    pytest.importorskip("tf2onnx", reason="ONNX is not installed: uv sync --extra onnx")
    from pipeline.compression.onnx import onnx_outputs, to_onnx

    model = FAMILIES[family]()
    noise = np.random.default_rng(0)
    model.set_weights([each + noise.uniform(0.01, 0.1, each.shape) for each in model.get_weights()])
    (tmp_path / "model.onnx").write_bytes(to_onnx(model))
    expected = keras_outputs(model, IMAGE)
    np.testing.assert_allclose(onnx_outputs(tmp_path / "model.onnx", IMAGE), expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_a_regression_gives_one_number_in_the_targets_units(family):
    model = FAMILIES[family](1, task="regression", target_mean=150.0, target_variance=49.0)
    unscaled = keras.Model(model.input, model.get_layer("logits").output)
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "target"]
    assert model.output_shape == (None, 1)
    np.testing.assert_allclose(model(IMAGE), 150 + 7 * unscaled(IMAGE).numpy(), rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("task", "outputs"), [("classification", 2), ("classification", 7), ("multi_label", 1)])
def test_classes_and_labels_have_a_logit_each(family, task, outputs):
    model = FAMILIES[family](outputs, task=task)
    assert model.layers[-1].name == "logits"
    assert model.output_shape == (None, outputs)


@pytest.mark.parametrize(
    ("task", "outputs", "said"),
    [
        ("classification", 1, "1 outputs for classification; accepted: 2 or more"),
        ("regression", 2, "2 outputs for regression; accepted: 1"),
        ("multi_label", 0, "0 outputs for multi_label; accepted: 1 or more"),
        ("ranking", 2, "task 'ranking' is unknown; accepted: classification, regression, multi_label"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_that_a_task_does_not_have_are_refused(family, task, outputs, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        FAMILIES[family](outputs, task=task)
