import re

import numpy as np
import pytest
from compression_cases import digits_model, interpreter
from odd_models import Subclassed, nested, used_twice
from real_data import digits
from structured_cases import CASES, IMAGE, batch, scrambled, zeroed

from pipeline.compression.channel_ranking import rank
from pipeline.compression.channels import tied_layers, trace
from pipeline.compression.export import to_tflite
from pipeline.compression.resizing import keep_channels
from pipeline.compression.structured import remove_channels, widths
from pipeline.keras import keras
from pipeline.measurement.flops import count_flops
from pipeline.models.files import load_model, save_model, weights_digest

layers = keras.layers
EVERY = pytest.mark.parametrize("name", CASES)


@EVERY
@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_without_channels_that_are_zero_the_outputs_are_the_same(name, criterion):
    case = CASES[name]()
    smaller = remove_channels(case.model, share=0.5, criterion=criterion)
    assert widths(smaller) == case.widths
    expected = case.model(batch(case.model)).numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(smaller(batch(case.model)), expected, atol=1e-5)
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in case.model.layers]
    assert [type(layer) for layer in smaller.layers] == [type(layer) for layer in case.model.layers]


@pytest.mark.parametrize(
    ("name", "exclude"),
    [("cnn", ["dense"]), ("resnet", []), ("mobilenet", []), ("concatenation", ["hidden"])],
)
def test_the_scale_of_batch_normalization_finds_the_same_channels(name, exclude):
    case = CASES[name]()
    smaller = remove_channels(case.model, share=0.5, criterion="batch_norm", exclude=exclude)
    assert widths(smaller) == {**case.widths, **{layer: widths(case.model)[layer] for layer in exclude}}
    np.testing.assert_allclose(smaller(batch(case.model)), case.model(batch(case.model)), atol=1e-5)


@EVERY
def test_channels_that_are_not_zero_are_missed(name):
    case = CASES[name]()
    full = scrambled(case.model)
    smaller = remove_channels(full, share=0.5)
    assert widths(smaller) == case.widths
    assert np.abs(smaller(batch(full)).numpy() - full(batch(full)).numpy()).max() > 1e-3


@EVERY
def test_the_model_is_left_alone_and_a_share_of_nothing_gives_its_equal(name):
    model = scrambled(CASES[name]().model)
    before = (weights_digest(model), model.get_config(), [id(layer) for layer in model.layers])
    same = remove_channels(model, share=0.0)
    remove_channels(model, share=0.7)
    assert (weights_digest(model), model.get_config(), [id(layer) for layer in model.layers]) == before
    assert same.get_config() == model.get_config()
    assert weights_digest(same) == weights_digest(model)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in same.weights}


@EVERY
def test_a_smaller_model_is_saved_exported_and_pruned_again(name, tmp_path):
    model = scrambled(CASES[name]().model)
    smaller = remove_channels(model, share=0.5)
    save_model(smaller, tmp_path / "smaller.keras")
    loaded = load_model(tmp_path / "smaller.keras")
    expected = smaller(batch(model)).numpy()
    np.testing.assert_array_equal(loaded(batch(model)), expected)
    assert smaller.count_params() < 0.75 * model.count_params()
    lite = interpreter(to_tflite(smaller))
    for row, output in zip(batch(model), expected, strict=True):
        lite.set_tensor(lite.get_input_details()[0]["index"], row[None])
        lite.invoke()
        given = lite.get_tensor(lite.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(given, output, rtol=1e-4, atol=1e-4)
    assert remove_channels(loaded, share=0.5).count_params() < smaller.count_params()


def without_the_strongest_quarter(model):
    channels = trace(model)
    keep = np.ones(len(channels.fixed), bool)
    for tied in tied_layers(model, channels):
        order = np.argsort(-rank(model, channels, tied, "l1"))
        keep[tied.numbers[order[: len(order) // 4]]] = False
    return keep_channels(model, channels, keep)


def test_a_trained_model_misses_its_weakest_filters_less_than_its_strongest():
    model = digits_model()
    features, labels = digits().test.features.astype(np.float32), digits().test.labels
    weakest, strongest = remove_channels(model, share=0.25), without_the_strongest_quarter(model)
    assert widths(weakest) == widths(strongest) == {"conv_1": 6, "conv_2": 12, "dense": 24, "logits": 10}
    right = [np.mean(each(features).numpy().argmax(1) == labels) for each in (model, weakest, strongest)]
    assert right[0] > 0.95
    assert right[1] > right[2] + 0.1
    kernel = model.get_layer("conv_1").kernel.numpy()
    kept = np.sort(np.argsort(-np.abs(kernel).sum((0, 1, 2)))[:6])
    np.testing.assert_array_equal(weakest.get_layer("conv_1").kernel.numpy(), kernel[..., kept])


def test_half_the_channels_are_a_quarter_of_the_arithmetic_between_them(tmp_path):
    model, counted = CASES["cnn"]().model, []
    for each in (model, remove_channels(model, share=0.5)):
        (tmp_path / "model.tflite").write_bytes(to_tflite(each))
        counted.append(count_flops(tmp_path / "model.tflite")["by_op"])
    conv_1, conv_2 = 8 * 8 * 9 * 1 * 4, 4 * 4 * 9 * 4 * 6
    bias = 8 * 8 * 4 + 4 * 4 * 6
    assert counted[0]["CONV_2D"] == 2 * (conv_1 + conv_2) + bias
    assert counted[1]["CONV_2D"] == 2 * (conv_1 // 2 + conv_2 // 4) + bias // 2


def chain(*between):
    """A Conv2D layer "first" of six channels, layers, and the logits."""
    keras.backend.clear_session()
    x = inputs = keras.Input(IMAGE)
    x = layers.Conv2D(6, 3, name="first")(x)
    for layer in between:
        x = layer(x)
    return keras.Model(inputs, layers.Dense(3, name="logits")(x), name="chain")


@pytest.mark.parametrize(
    ("share", "multiple", "remain"),
    [(0.5, 1, 3), (0.4, 1, 4), (0.99, 1, 1), (0.5, 4, 4), (0.5, 5, 5), (0.9, 2, 2), (0.5, 8, 6), (0.1, 1, 6)],
)
def test_one_channel_remains_at_least_and_the_rest_is_a_multiple(share, multiple, remain):
    smaller = remove_channels(chain(), share=share, multiple=multiple)
    assert widths(smaller) == {"first": remain, "logits": 3}


def test_shares_for_single_layers_and_exclusions():
    model = CASES["resnet"]().model
    some = remove_channels(model, share=0.5, exclude=["conv_1_1_2"], per_layer={"conv_1_1_1": 0.0, "conv_2_1_1": 0.9})
    tied = {"conv_stem": 4, "conv_1_1_2": 4}
    assert widths(some) == {**CASES["resnet"]().widths, **tied, "conv_1_1_1": 4, "conv_2_1_1": 1}
    one = remove_channels(model, share=0.0, per_layer={"conv_2_1_2": 0.5})
    tied = {"conv_2_1_2": 3, "conv_2_1_shortcut": 3}
    assert widths(one) == {**widths(model), **tied}
    excluded = remove_channels(CASES["mobilenet"]().model, share=0.5, exclude=["depthwise_1_1", "logits"])
    assert widths(excluded)["conv_stem"] == 4


def test_a_layer_beside_a_narrow_one_has_no_say_for_its_size():
    """In a sum every branch counts alike, relative to its own mean."""
    inputs = keras.Input(IMAGE)
    small, large = layers.Conv2D(2, 1, name="small"), layers.Conv2D(2, 5, padding="same", name="large")
    added = layers.GlobalAveragePooling2D()(layers.Add()([small(inputs), large(inputs)]))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(added))
    small.set_weights([np.array([1.0, 3.0]).reshape(1, 1, 1, 2), np.zeros(2)])
    large.set_weights([np.ones((5, 5, 1, 1)) * [10.0, 9.0], np.zeros(2)])
    smaller = remove_channels(model, share=0.5)
    np.testing.assert_array_equal(smaller.get_layer("small").kernel.numpy().ravel(), [3.0])
    assert (smaller.get_layer("large").kernel.numpy() == 9).all()


def test_what_is_added_to_the_input_stays_and_the_rest_goes():
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(6, 3, padding="same", name="inner")(inputs)
    x = layers.Add()([layers.Conv2D(4, 3, padding="same", name="outer")(x), inputs])
    x = layers.Conv2D(4, 3, padding="same", name="after")(x)
    model = keras.Model(inputs, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)))
    assert widths(remove_channels(model, share=0.5)) == {"inner": 3, "outer": 4, "after": 2, "logits": 2}


def test_an_adapted_normalization_keeps_its_statistics():
    normal = layers.Normalization()
    normal.adapt(np.array([[1.0, 20.0], [3.0, 60.0]]))
    stack = [keras.Input((2,)), normal, layers.Dense(4, name="hidden"), layers.Dense(1, name="logits")]
    model = zeroed(keras.Sequential(stack), {"hidden": [1, 2]})
    rows = np.array([[1.0, 30.0], [5.0, 70.0]], np.float32)
    np.testing.assert_allclose(remove_channels(model, share=0.5)(rows), model(rows), atol=1e-6)


def test_a_shared_layer_without_weights_and_an_output_through_a_reshape():
    inputs = keras.Input(IMAGE)
    relu = layers.ReLU(name="relu")
    x = relu(layers.Conv2D(4, 3, name="two")(relu(layers.Conv2D(4, 3, name="one")(inputs))))
    x = layers.Conv2D(3, 1, name="scores")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    model = keras.Model(inputs, layers.Softmax()(layers.Reshape((3, 1))(x)))
    zeroed(scrambled(model), {"one": [0, 1], "two": [2, 3]})
    smaller = remove_channels(model, share=0.5)
    assert widths(smaller) == {"one": 2, "two": 2, "scores": 3}
    np.testing.assert_allclose(smaller(batch(model)), model(batch(model)), atol=1e-5)


class Doubling(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def stretched():
    inputs = keras.Input(IMAGE)
    one, many = layers.Conv2D(1, 3, name="first")(inputs), layers.Conv2D(4, 3, name="many")(inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Multiply(name="stretch")([one, many])))


def recurrent():
    return chain(layers.Reshape((36, 6)), layers.LSTM(3, name="memory"))


BARRIERS = {
    "memory is of type LSTM": recurrent,
    "lambda is of type Lambda": lambda: chain(layers.Lambda(lambda x: x + 1)),
    "doubling is of type Doubling": lambda: chain(Doubling()),
    "tf.__operators__.add is of type TFOpLambda": lambda: chain(lambda x: x + 1),
    "norm is of type LayerNormalization": lambda: chain(layers.LayerNormalization(name="norm")),
    "grouped has 2 groups": lambda: chain(layers.Conv2D(4, 1, groups=2, name="grouped")),
    "share applies softmax to them": lambda: chain(layers.Activation("softmax", name="share")),
    "soft applies softmax to them": lambda: chain(layers.DepthwiseConv2D(3, activation="softmax", name="soft")),
    "mixed rearranges them": lambda: chain(layers.Reshape((6, 36), name="mixed")),
    "tied normalizes axis 1": lambda: chain(layers.BatchNormalization(1, name="tied")),
    "drop has a noise_shape of 6 channels": lambda: chain(
        layers.Dropout(0.5, noise_shape=(None, 1, 1, 6), name="drop")
    ),
    "scale has a scale for each channel": lambda: chain(layers.Rescaling([2.0] * 6, name="scale")),
    "stretch stretches one of its inputs over the channels of another": stretched,
    "twice is used more than once": used_twice,
}


@pytest.mark.parametrize("why", BARRIERS)
def test_a_layer_that_channels_cannot_be_removed_through_is_named(why):
    model = BARRIERS[why]()
    said = (
        f"first: channels can't be removed, because {why}; accepted: exclude first, or only layers between that keep "
        "channels apart (convolution, BatchNormalization, elementwise activation, pooling, Flatten, Add, Concatenate)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        remove_channels(model, share=0.5)


def test_behind_an_excluded_layer_anything_may_come():
    keras.backend.clear_session()
    inputs = keras.Input(IMAGE)
    x = layers.LayerNormalization()(layers.Conv2D(6, 3, name="first")(inputs))
    x = layers.LSTM(5)(layers.Reshape((36, 6))(layers.Conv2D(6, 1, groups=2)(x)))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(layers.Dense(8, name="hidden")(x)))
    zeroed(model, {"hidden": [0, 1, 5, 6]})
    smaller = remove_channels(model, share=0.5, exclude=["first"])
    assert smaller.get_layer("hidden").units == 4
    np.testing.assert_allclose(smaller(batch(model)), model(batch(model)), atol=1e-5)


def test_behind_an_excluded_layer_one_may_be_used_twice_at_two_sizes():
    keras.backend.clear_session()
    inputs = keras.Input(IMAGE)
    twice = layers.Conv2D(6, 3, name="twice")
    x = layers.Conv2D(4, 1, name="after")(twice(twice(layers.Conv2D(6, 1, name="first")(inputs))))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(x))
    smaller = remove_channels(model, share=0.5, exclude=["first"])
    assert widths(smaller) == {"first": 6, "twice": 6, "after": 2, "logits": 2}


def test_a_softmax_in_the_middle_is_a_barrier_of_its_own_layer():
    model = chain(layers.Conv2D(4, 1, activation="softmax", name="soft"))
    with pytest.raises(ValueError, match=r"^soft: channels can't be removed, because soft applies softmax to them;"):
        remove_channels(model, share=0.5)
    assert widths(remove_channels(model, share=0.5, exclude=["soft"])) == {"first": 3, "soft": 4, "logits": 3}


@pytest.mark.parametrize(
    ("build", "options", "said"),
    [
        (Subclassed, {}, "subclassed: channel pruning takes functional and sequential models, not a subclassed one"),
        (lambda: keras.Sequential(name="bare"), {}, "bare: has no input yet; accepted: a model built with an Input"),
        (nested, {}, "inner: channel pruning does not take a model inside a model; flatten it first"),
        (chain, {"share": 1.0}, "share: a share of 1.0; accepted: from 0 to below 1"),
        (chain, {"per_layer": {"first": -0.1}}, "first: a share of -0.1; accepted: from 0 to below 1"),
        (chain, {"multiple": 0}, "multiple 0 is below 1"),
        (chain, {"criterion": "l3"}, "criterion 'l3' is unknown; accepted: l1, l2, batch_norm"),
        (
            chain,
            {"exclude": ["frist"]},
            "exclude names frist, which has no channels of its own; accepted: first, logits",
        ),
        (
            chain,
            {"per_layer": {"input_1": 0.5}},
            "per_layer names input_1, which has no channels of its own; accepted: first, logits",
        ),
        (
            chain,
            {"per_layer": {"logits": 0.5}},
            "per_layer names logits, whose channels reach the model's input or output and all stay",
        ),
        (chain, {"per_layer": {"first": 0.5}, "exclude": ["first"]}, "first is in both per_layer and exclude"),
        (
            chain,
            {"exclude": ["first"]},
            "chain: no layer to remove channels from; all are excluded or make the output",
        ),
        (
            lambda: CASES["resnet"]().model,
            {"per_layer": {"conv_stem": 0.5, "conv_1_1_2": 0.6}},
            "per_layer gives conv_stem and conv_1_1_2, which are tied together, different shares",
        ),
        (
            lambda: CASES["cnn"]().model,
            {"criterion": "batch_norm"},
            "dense: no BatchNormalization with a scale follows, so batch_norm can't rank the channels; accepted: l1, "
            "l2, or exclude dense",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_line(build, options, said):
    keras.backend.clear_session()
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        remove_channels(build(), **{"share": 0.5, **options})
