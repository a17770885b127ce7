"""Small networks for structured pruning, and for each the channels that go together, by hand."""

from dataclasses import dataclass

import numpy as np

from pipeline.keras import keras
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input, table_input
from pipeline.models.mlp import mlp
from pipeline.models.mobilenet import mobilenet
from pipeline.models.resnet import resnet

layers = keras.layers
IMAGE = (8, 8, 1)


@dataclass(frozen=True)
class Case:
    """A model; half of its channels, as (layer, channels that are zero); the widths that remain."""

    model: keras.Model
    zeros: dict[str, list[int]]
    widths: dict[str, int]


def scrambled(model, seed=0):
    """Gives every weight a random value away from 0, moving statistics included."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if not isinstance(layer, layers.Normalization):
            layer.set_weights([rng.uniform(0.3, 1, each.shape) * rng.choice([-1, 1], each.shape) for each in
                               layer.get_weights()])  # fmt: skip
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([*layer.get_weights()[:-1], rng.uniform(0.5, 2, layer.moving_variance.shape)])
    return model


def zeroed(model, zeros):
    """Makes channels zero: filter, bias, and of a batch normalization scale and shift."""
    for name, channels in zeros.items():
        layer = model.get_layer(name)
        weights = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            changed = weights[:2]
        elif isinstance(layer, layers.DepthwiseConv2D):
            weights[0] = weights[0].reshape(*weights[0].shape[:2], -1)
            changed = weights
        else:
            changed = weights[1:] if isinstance(layer, layers.SeparableConv2D) else weights
        for values in changed:
            values[..., channels] = 0
        shapes = [each.shape for each in layer.get_weights()]
        layer.set_weights([values.reshape(shape) for values, shape in zip(weights, shapes, strict=True)])
    return model


def case(build, zeros, widths):
    keras.utils.set_random_seed(0)
    return Case(zeroed(scrambled(build()), zeros), zeros, widths)


def cnn_case():
    def build():
        return cnn(*image_input(IMAGE, scale=16.0), 10, filters=[4, 6], units=8, dropout=0.2)

    first, second, dense = [0, 3], [1, 2, 5], [0, 2, 4, 7]
    zeros = {"conv_1": first, "norm_1": first, "conv_2": second, "norm_2": second, "dense": dense}
    return case(build, zeros, {"conv_1": 2, "conv_2": 3, "dense": 4, "logits": 10})


def mlp_case():
    def build():
        class Column:
            kind, vocabulary, mean, variance = "numeric", (), 3.0, 4.0

        return mlp(*table_input([Column()] * 5), 1, units=[6, 4], dropout=0.1, task="regression", target_mean=7.0)

    return case(build, {"dense_1": [1, 3, 4], "dense_2": [0, 3]}, {"dense_1": 3, "dense_2": 2, "logits": 1})


def resnet_case():
    def build():
        return resnet(*image_input(IMAGE, scale=16.0), 10, filters=[4, 6], blocks=1, dropout=0.0)

    one, two = [1, 2], [0, 3, 5]
    zeros = dict.fromkeys(("stem", "1_1_2"), one) | {"1_1_1": [0, 1]}
    zeros |= dict.fromkeys(("2_1_shortcut", "2_1_2"), two) | {"2_1_1": [3, 4, 5]}
    zeros = {f"{kind}_{name}": each for name, each in zeros.items() for kind in ("conv", "norm")}
    widths = {name: 2 if name.startswith(("conv_stem", "conv_1")) else 3 for name in zeros if name.startswith("conv")}
    return case(build, zeros, {**widths, "logits": 10})


def mobilenet_case():
    def build():
        return mobilenet(
            *image_input(IMAGE), 10, stem=4, stem_stride=1, filters=[6, 8], blocks=1, width=1.0, dropout=0.0
        )

    stem, first, last = [0, 2], [1, 3, 4], [0, 5, 6, 7]
    tied = {("conv_stem", "norm_stem", "depthwise_1_1", "norm_depthwise_1_1"): stem}
    tied |= {("conv_1_1", "norm_1_1", "depthwise_2_1", "norm_depthwise_2_1"): first, ("conv_2_1", "norm_2_1"): last}
    zeros = {name: channels for names, channels in tied.items() for name in names}
    widths = {"conv_stem": 2, "depthwise_1_1": 2, "conv_1_1": 3, "depthwise_2_1": 3, "conv_2_1": 4, "logits": 10}
    return case(build, zeros, widths)


def separable_case():
    """Depth multipliers of 2, biases, every layer in between that keeps channels apart."""

    def build():
        return keras.Sequential(
            [
                keras.Input(IMAGE),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.SpatialDropout2D(0.1),
                layers.ZeroPadding2D(1),
                layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", name="depthwise"),
                layers.Cropping2D(1),
                layers.SeparableConv2D(6, 3, depth_multiplier=2, padding="same", name="separable"),
                layers.LeakyReLU(),
                layers.UpSampling2D(2),
                layers.AveragePooling2D(2),
                layers.GlobalMaxPooling2D(),
                layers.Reshape((1, 1, 6)),
                layers.Reshape((6,)),
                layers.Dense(4, name="hidden"),
                layers.Activation("tanh"),
                layers.Dense(3, name="logits"),
                layers.Softmax(),
            ]
        )

    zeros = {"conv": [0, 2], "depthwise": [0, 1, 4, 5], "separable": [3, 4, 5], "hidden": [1, 2]}
    return case(build, zeros, {"conv": 2, "depthwise": 4, "separable": 3, "hidden": 2, "logits": 3})


def concatenation_case():
    """Two branches side by side, normalized, then added to a third; flattened before a hidden layer."""

    def build():
        inputs = keras.Input(IMAGE)
        left = layers.Conv2D(4, 3, padding="same", name="left")(inputs)
        right = layers.Conv2D(2, 1, name="right")(inputs)
        joined = layers.Concatenate(name="joined")([left, right])
        x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(joined))
        wide = layers.Conv2D(6, 1, name="wide")(x)
        x = layers.Concatenate(axis=1, name="stacked")([layers.Add(name="sum")([joined, wide]), wide])
        gate = layers.Dense(6, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        x = layers.Multiply(name="gated")([x, gate])
        x = layers.MaxPooling2D(2)(layers.Dropout(0.1, noise_shape=(None, 1, 1, 1), name="path")(x))
        x = layers.Dense(5, activation="relu", name="hidden")(layers.Flatten(name="flatten")(x))
        return keras.Model(inputs, layers.Dense(3, name="logits")(x))

    both = [1, 2, 5]
    zeros = {"left": [1, 2], "right": [1], "norm": both, "wide": both, "hidden": [0, 4]}
    widths = {"left": 2, "right": 1, "wide": 3, "gate": 3, "hidden": 3, "logits": 3}
    return case(build, zeros, widths)


CASES = {
    "cnn": cnn_case,
    "mlp": mlp_case,
    "resnet": resnet_case,
    "mobilenet": mobilenet_case,
    "separable": separable_case,
    "concatenation": concatenation_case,
}


def batch(model, count=5):
    return np.random.default_rng(1).uniform(0, 2, (count, *model.input_shape[1:])).astype(np.float32)
