"""Which dimension of which variable is split: rules, the preset, and their refusals."""

import pytest

from pipeline.distribution.layout_map import MODEL, split_bytes, split_variables
from pipeline.distribution.mesh_layers import check_layers
from pipeline.distribution.mesh_optimizer import check_optimizer
from pipeline.keras import keras
from pipeline.optimizers import SGD, Adam

MESH = {"batch": 2, "model": 4}
layers = keras.layers


def model(units=(32, 16), outputs=10):
    features = keras.Input((8, 8, 1))
    x = layers.Conv2D(12, 3, name="conv")(features)
    x = layers.Flatten()(layers.BatchNormalization(name="norm")(x))
    for number, width in enumerate(units, start=1):
        x = layers.Dropout(0.1)(layers.ReLU()(layers.Dense(width, name=f"dense_{number}")(x)))
    return keras.Model(features, layers.Dense(outputs, name="logits")(x), name="small")


def test_the_preset_splits_dense_layers_by_units_and_inputs_in_turn_and_convolutions_by_filters():
    assert split_variables(model(), MESH, [], "dense_conv") == {
        "conv/kernel": (None, None, None, MODEL),
        "conv/bias": (MODEL,),
        "dense_1/kernel": (None, MODEL),
        "dense_1/bias": (MODEL,),
        "dense_2/kernel": (MODEL, None),
        "logits/kernel": (MODEL, None),  # 4 does not divide its 10 units
    }


def test_what_the_preset_cannot_split_stays_whole_and_is_named(caplog):
    found = split_variables(model(units=(32, 7)), MESH, [], "dense_conv")
    assert not any(path.startswith("logits/") for path in found)
    assert "layer logits stays whole: model=4 divides neither its 7 inputs nor its 10 outputs" in caplog.text


def test_rules_come_before_the_preset_and_the_first_before_the_next():
    rules = [("dense_1/kernel", ("batch", None)), ("dense_.*/kernel", (MODEL, None))]
    found = split_variables(model(), MESH, rules, "dense_conv")
    assert found["dense_1/kernel"] == ("batch", None)
    assert found["dense_2/kernel"] == (MODEL, None)
    assert split_variables(model(), MESH, rules, None).keys() == {"dense_1/kernel", "dense_2/kernel"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("dens/kernel", (None, MODEL)), "no variable matches 'dens/kernel'; accepted: those of conv/kernel"),
        (("dense_1", (None, MODEL)), "no variable matches 'dense_1'"),
        (("dense_(", (None, MODEL)), r"'dense_\(' is no regular expression"),
        (("norm/gamma", (MODEL,)), "norm/gamma is of a BatchNormalization layer, which stays whole; accepted: Dense"),
        (("dense_1/kernel", (MODEL,)), r"dense_1/kernel has the shape \[432, 32\], and its layout 1 dimensions"),
        (("dense_1/kernel", (MODEL, MODEL)), "dense_1/kernel is split over model twice"),
        (("logits/.*", (None, MODEL)), r"logits/kernel has the shape \[16, 10\]; model=4 does not divide 10"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(rule, said):
    with pytest.raises(ValueError, match=said):
        split_variables(model(), MESH, [rule], "dense_conv")


def test_a_model_of_which_nothing_is_split_is_refused():
    with pytest.raises(ValueError, match="nothing of model small is split"):
        split_variables(model(), {"batch": 2, "model": 5, **{}}, [], None)


def test_bytes_of_a_device():
    splits = {"a": (None, MODEL), "b": ("batch", MODEL)}
    assert split_bytes(splits, {"a": 400, "b": 800, "c": 8}, MESH) == 100 + 100 + 8


def of(*some, shape=(8, 8, 1), name="small"):
    features = x = keras.Input(shape)
    for each in some:
        x = each(x)
    return keras.Model(features, x, name=name)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: of(layers.DepthwiseConv2D(3, name="deep")), r"layer deep \(DepthwiseConv2D\) .* accepted: .*Dense"),
        (lambda: of(layers.AveragePooling2D(name="mean")), r"layer mean \(AveragePooling2D\) can't be put on a mesh"),
        (lambda: of(layers.LayerNormalization(name="norm")), r"layer norm \(LayerNormalization\) can't be put"),
        (lambda: of(layers.Dense(4, name="each")), r"layer each \(Dense\) .* accepted: \(batch, features\)"),
        (lambda: of(layers.Conv2D(4, 3, dilation_rate=2, name="wide")), r"layer wide .*dilation_rate=\[2, 2\]"),
        (lambda: of(layers.BatchNormalization(axis=1, name="rows")), r"layer rows .*axis=\[1\]; accepted: the last"),
        (lambda: of(layers.Flatten(), layers.Dense(4, dtype="mixed_bfloat16", name="low")), "computes in bfloat16"),
        (lambda: of(of(layers.Flatten(), name="inner"), layers.Dense(2)), r"layer inner \(Functional\)"),
    ],
)
def test_a_layer_that_a_mesh_cannot_carry_is_refused_by_name(build, said):
    with pytest.raises(ValueError, match=said):
        check_layers(build())


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (lambda: Adam(state_dtype="bfloat16"), "state_dtype=bfloat16 .* accepted: float32"),
        (lambda: Adam(amsgrad=True), "amsgrad=True"),
        (lambda: SGD(use_ema=True), "use_ema=True"),
        (lambda: SGD(gradient_accumulation_steps=2), "gradient_accumulation_steps=2"),
        (lambda: SGD(sparse_update="lazy"), "sparse_update=lazy"),
    ],
)
def test_a_setting_of_the_optimizer_that_a_mesh_cannot_carry_is_refused(optimizer, said):
    with pytest.raises(ValueError, match=said):
        check_optimizer(optimizer())
    check_optimizer(SGD(gradient_accumulation_steps=1))
