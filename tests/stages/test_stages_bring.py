"""A user's own model as a stage, and training that goes on from it."""

import json
import logging
import sys

import numpy as np
import pytest
from stage_runs import configured, ran

from pipeline.data.files import load
from pipeline.engine.errors import ConfigError, InputError
from pipeline.engine.keys import identity
from pipeline.keras import keras
from pipeline.models.files import load_model, save_model

MODULE = """
from pipeline.keras import keras


def build(input_shape, outputs, units=8):
    layers = [keras.layers.Flatten(), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input(input_shape), *layers])


def shares(input_shape, outputs):
    model = build(input_shape, outputs)
    return keras.Model(model.inputs, keras.layers.Reshape((outputs,))(keras.layers.Softmax()(model.outputs[0])))


def nothing(input_shape, outputs):
    return None
"""


@pytest.fixture(scope="module")
def mine(digits):
    """A model as users train one: of pixels from 0 to 1, ending in a softmax."""
    dataset = load(digits.files)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers], name="mine")
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(dataset.train.features / np.float32(16), dataset.train.labels, epochs=8, verbose=0)
    return model


@pytest.fixture
def module(tmp_path, monkeypatch):
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "my_models.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder / "my_models.py"
    sys.modules.pop("my_models", None)


def by_function(name, *overrides, allow="my_models"):
    return configured("bring", f"function=my_models.{name}", f"allow_targets=[{allow}]", *overrides)


def saved(model, path):
    if path.suffix:
        save_model(model, path)
    else:
        model.save(path, save_format="tf")
    return path


@pytest.mark.parametrize("name", ["mine.keras", "mine"])
def test_a_file_becomes_a_model_of_raw_features_and_logits(digits, mine, name, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = saved(mine, tmp_path / name)
    brought = ran(configured("bring", f"path={path}", "scaled=true"), tmp_path / "bring", data=digits)
    model, part = load_model(brought.files / "model.keras"), load(digits.files).validation
    features = part.features.astype(np.float32)
    shares = mine(features / 16).numpy()
    np.testing.assert_allclose(keras.activations.softmax(model(features)), shares, atol=1e-5)
    assert brought.notes == [
        "the final softmax was taken off: the outputs are logits",
        "a layer that divides the features by 16 was put in front",
    ]
    assert json.loads((brought.files / "history.json").read_text()) == []
    right = np.mean(shares.argmax(axis=1) == part.labels)
    assert right > 0.8
    assert f"validation accuracy {right:.4f}" in caplog.text


def test_content_counts_and_place_does_not(mine, tmp_path):
    first = configured("bring", f"path={saved(mine, tmp_path / 'a.keras')}")
    second = configured("bring", f"path={saved(mine, tmp_path / 'b.keras')}")
    assert identity(first, {}, {}, {}) == identity(second, {}, {}, {})
    assert list(first.sources()) == list(second.sources()) == ["model.keras"]
    assert identity(configured("bring", "path=x", "scaled=true"), {}, {}, {}) != identity(first, {}, {}, {})
    assert "my_models.py" not in first.sources()


def test_a_function_gives_a_fresh_model_by_the_seed(digits, module, tmp_path):
    stages = [by_function("build"), by_function("build"), by_function("build", "seed=1")]
    one, two, other = (
        (ran(stage, tmp_path / str(number), data=digits).files / "model.keras").read_bytes()
        for number, stage in enumerate(stages)
    )
    assert one == two
    assert one != other
    assert stages[0].sources() == {"my_models.py": module}
    wide = ran(by_function("build", "arguments={units: 12}"), tmp_path / "wide", data=digits)
    assert load_model(wide.files / "model.keras").layers[2].units == 12


def test_a_function_that_is_not_allowed_is_not_imported(digits, module, tmp_path):
    stage = by_function("build", allow="other")
    with pytest.raises(ValueError, match=r"module my_models isn't allowed; accepted: modules of allow_targets"):
        stage.sources()
    with pytest.raises(InputError, match=r"isn't allowed.*\(set by function\)"):
        ran(stage, tmp_path / "x", data=digits)
    assert "my_models" not in sys.modules


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "a builtins.NoneType; accepted: a model of Keras 2, which is tf_keras"),
        ("shares", "outputs that look like probabilities; accepted: logits"),
        ("bild", "my_models.bild: no such function; accepted: build, nothing, shares; did you mean build?"),
    ],
)
def test_a_function_that_gives_no_fitting_model_is_refused(digits, module, name, said, tmp_path):
    with pytest.raises(InputError, match=r"\(set by function\)$") as caught:
        ran(by_function(name), tmp_path / "x", data=digits)
    assert str(caught.value).startswith(said)


def test_a_model_of_another_shape_is_refused_with_the_key(digits, tmp_path):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)], name="mine")
    stage = configured("bring", f"path={saved(model, tmp_path / 'mine.keras')}")
    with pytest.raises(InputError, match=r"^mine: takes \(None, 64\); accepted: \(None, 8, 8, 1\).* \(set by path\)$"):
        ran(stage, tmp_path / "x", data=digits)


@pytest.mark.parametrize(
    ("option", "overrides", "line"),
    [
        ("bring", [], "path: missing, as function is; accepted: exactly one of path and function"),
        ("bring", ["path=x.keras", "function=a.b"], "path=x.keras: one of two; function is set too; accepted: exactly"),
        ("bring", ["path=x.keras", "arguments={a: 1}"], "arguments: of no function; accepted: null, function with"),
        ("train", ["model=null"], "model=null: no model; accepted: a family's settings"),
        ("train", ["+stages.x.inputs.model=mine"], "model: a second model, beside inputs.model; accepted: null"),
        ("train", ["+stages.x.inputs.mdel=mine"], "mdel=mine: unknown input; accepted: data, model; did you mean mod"),
        ("score", ["+stages.x.inputs.model=mine", "model=null"], "inputs.model=mine: unknown input; accepted: data"),
        ("score", ["model=null"], "model=null: no model"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(option, overrides, line):
    with pytest.raises(ConfigError) as caught:
        configured(option, "+stage@stages.mine=bring", "++stages.mine.path=any.keras", *overrides)
    assert line in str(caught.value)


def test_training_goes_on_from_a_given_model(digits, mine, tmp_path):
    given = ran(
        configured("bring", f"path={saved(mine, tmp_path / 'mine.keras')}", "scaled=true"), tmp_path / "b", data=digits
    )
    graph = ("+stage@stages.mine=bring", "++stages.mine.path=any.keras", "+stages.x.inputs.model=mine", "model=null")
    weights = load_model(given.files / "model.keras").get_weights()
    still, moved = (
        load_model(
            ran(
                configured("train", *graph, "epochs=1", f"learning_rate={rate}"),
                tmp_path / rate,
                data=digits,
                model=given,
            ).files
            / "model.keras"
        ).get_weights()
        for rate in ("1e-12", "1e-2")
    )
    for one, two in zip(weights, still, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert max(abs(one - two).max() for one, two in zip(weights, moved, strict=True)) > 1e-2


def test_a_given_model_of_other_features_is_refused(digits, tmp_path):
    table = ran(configured("prepare", data="breast_cancer"), tmp_path / "table")
    trained = ran(configured("train", "epochs=1", data="breast_cancer"), tmp_path / "train", data=table)
    graph = ("+stage@stages.mine=train", "+stages.x.inputs.model=mine", "model=null")
    with pytest.raises(InputError, match=r"the model takes features of shape \(30,\) and the data has \(8, 8, 1\)"):
        ran(configured("train", *graph), tmp_path / "x", data=digits, model=trained)
