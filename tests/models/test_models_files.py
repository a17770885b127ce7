import json
import shutil
import time
import warnings
import zipfile

import numpy as np
import pytest
from real_data import Column, digits, mixed

from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.files import load_model, save_model, weights_digest
from pipeline.models.inputs import image_input, table_input
from pipeline.models.mlp import mlp

IMAGE = digits().train.features[:16].astype(np.float32)
TABLE = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)


def a_cnn():
    keras.utils.set_random_seed(0)
    return cnn(*image_input((8, 8, 1), scale=16.0), 10, filters=[4], units=8, dropout=0.25)


def a_table_model():
    keras.utils.set_random_seed(0)
    inputs = table_input([Column("x", "numeric", mean=mean, variance=mean**2) for mean in (1.0, 2.0, 3.0)])
    return mlp(*inputs, 2, units=[4], dropout=0.0)


def a_mixed_model():
    keras.utils.set_random_seed(0)
    return mlp(*table_input(mixed().columns), 1, units=[4], dropout=0.0, task="regression", target_mean=5.0)


def a_sequential():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4, activation="gelu", kernel_regularizer="l2"), keras.layers.Dense(2)])
    model.build((None, 3))
    return model


MODELS = [
    (a_cnn, IMAGE),
    (a_table_model, TABLE),
    (a_mixed_model, mixed().train.features[:16]),
    (a_sequential, TABLE),
]


@pytest.mark.parametrize(("build", "examples"), MODELS)
def test_what_is_loaded_computes_what_was_saved(build, examples, tmp_path):
    model = build()
    save_model(model, tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(examples), model(examples))
    assert weights_digest(loaded) == weights_digest(model)
    assert loaded.get_config() == model.get_config()


def test_equal_models_give_equal_bytes_at_any_time(tmp_path):
    models = [build() for build, _ in MODELS]
    paths = [
        [tmp_path / f"{time}{number}.keras" for number in range(len(models))] for time in ("now", "later", "again")
    ]
    for model, path in zip(models, paths[0], strict=True):
        save_model(model, path)
    time.sleep(2.1)  # zip archives hold even seconds, the format's metadata whole ones
    for model, first, second, third in zip(models, *paths, strict=True):
        save_model(model, second)
        save_model(load_model(first), third)
        assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_training_leaves_no_trace_but_the_weights(tmp_path):
    model = a_table_model()
    save_model(model, tmp_path / "before.keras")
    weights = model.get_weights()
    model.compile("adam", "mse")
    model.fit(TABLE, TABLE[:, :2], verbose=0)
    save_model(model, tmp_path / "trained.keras")
    model.set_weights(weights)
    save_model(model, tmp_path / "after.keras")
    assert (tmp_path / "after.keras").read_bytes() == (tmp_path / "before.keras").read_bytes()
    assert (tmp_path / "trained.keras").read_bytes() != (tmp_path / "before.keras").read_bytes()
    assert not load_model(tmp_path / "trained.keras").optimizer


def test_saving_spares_the_files_beside_it(tmp_path):
    (tmp_path / "raw.keras").write_text("mine")
    save_model(a_table_model(), tmp_path / "model.keras")
    assert (tmp_path / "raw.keras").read_text() == "mine"
    save_model(a_table_model(), tmp_path / "raw.keras")
    assert (tmp_path / "raw.keras").read_bytes() == (tmp_path / "model.keras").read_bytes()


def with_lambda():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x)(inputs))


def rewrite(path, change):
    """Changes the configuration in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in {**content, "config.json": json.dumps(config)}.items():
            archive.writestr(name, each)


def refused(path):
    with pytest.raises(ValueError, match=rf"^{path.name}: ") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_lambda_layer_is_refused(tmp_path):
    with_lambda().save(tmp_path / "model.keras")
    said = refused(tmp_path / "model.keras")
    assert "a Lambda layer may run code" in said
    assert "accepted: Keras's own layers, no Lambda layer and no pickled code" in said


@pytest.mark.parametrize("options", [{"save_format": "h5"}, {"save_format": "tf"}])
def test_a_lambda_layer_in_an_older_format_under_a_new_name_is_refused(options, tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file", UserWarning)
        with_lambda().save(tmp_path / "old", **options)
    shutil.move(tmp_path / "old", tmp_path / "model.keras")
    assert "not a .keras file" in refused(tmp_path / "model.keras")


def test_a_function_that_the_file_only_names_is_not_called(tmp_path, capfd):
    with_lambda().save(tmp_path / "model.keras")

    def name_print(config):
        layer = config["config"]["layers"][1]["config"]
        layer.update(function_type="function", arguments={"end": "called"})
        layer["function"] = {"module": "builtins", "class_name": "function", "config": "print"}

    rewrite(tmp_path / "model.keras", name_print)
    assert "the function print" in refused(tmp_path / "model.keras")
    assert "called" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("activation", "named"),
    [
        (
            {"module": "os", "class_name": "function", "config": "getcwd", "registered_name": "getcwd"},
            "the function getcwd",
        ),
        ({"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}}, "subprocess.Popen"),
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "a Lambda layer"),
        ([{"deep": {"module": "kerasoid", "class_name": "Layer", "config": {}}}], "kerasoid.Layer"),
    ],
)
def test_foreign_code_anywhere_is_refused(activation, named, tmp_path):
    save_model(a_table_model(), tmp_path / "model.keras")
    rewrite(
        tmp_path / "model.keras",
        lambda config: config["config"]["layers"][-1]["config"].update(activation=activation),
    )
    assert f"refused, because {named} may run code" in refused(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["io.write_file", "numpy_function", "compat.v1.py_func", "math.../io.write_file"])
def test_a_function_of_tensorflow_that_does_more_than_compute_is_not_called(name, tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, tf.math.abs(inputs)).save(tmp_path / "model.keras")
    written = tmp_path / "written"

    def write(config):
        layer = config["config"]["layers"][1]
        layer["config"]["function"] = name
        layer["inbound_nodes"] = [["_CONSTANT_VALUE", -1, str(written), {"contents": "owned"}]]

    rewrite(tmp_path / "model.keras", write)
    assert f"refused, because TFOpLambda of {name} may run code" in refused(tmp_path / "model.keras")
    assert not written.exists()


@pytest.mark.parametrize("name", ["ClassMethod", "InstanceMethod", "TensorFlowOpLayer"])
def test_layers_that_call_methods_and_operations_by_name_are_refused(name, tmp_path):
    save_model(a_table_model(), tmp_path / "model.keras")
    rewrite(tmp_path / "model.keras", lambda config: config["config"]["layers"][1].update(class_name=name))
    assert f"refused, because {name} of an operation may run code" in refused(tmp_path / "model.keras")


def test_arithmetic_between_layers_is_taken(tmp_path):
    inputs = keras.Input((3,))
    joined = tf.concat([tf.nn.relu(inputs) + 2 * inputs[:, ::-1], tf.math.exp(-inputs)], axis=1)
    model = keras.Model(inputs, tf.reshape(joined, (-1, 2, 3)))
    save_model(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(TABLE), model(TABLE))


def test_a_file_of_keras_3_is_refused_by_its_version(tmp_path):
    save_model(a_table_model(), tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["metadata.json"] = json.dumps({**json.loads(content["metadata.json"]), "keras_version": "3.6.0"})
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, each in content.items():
            archive.writestr(name, each)
    assert "saved by Keras 3.6.0, which Keras 2 can't read; accepted: " in refused(tmp_path / "model.keras")


class Own(keras.layers.Layer):
    pass


def test_an_unknown_layer_is_refused(tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, Own()(inputs)).save(tmp_path / "model.keras")
    assert "Own" in refused(tmp_path / "model.keras")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x05\x06" + bytes(18)])
def test_garbage_is_refused(content, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(share, tmp_path):
    path = tmp_path / "model.keras"
    save_model(a_cnn(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "not a .keras file" in refused(path)


def test_flipped_bits_are_refused(tmp_path):
    path = tmp_path / "model.keras"
    save_model(a_cnn(), path)
    whole = path.read_bytes()
    for at in range(40, len(whole), len(whole) // 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        refused(path)


def test_a_missing_file_and_another_ending_are_named(tmp_path):
    assert refused(tmp_path / "model.keras").startswith("model.keras: no such file")
    save_model(a_table_model(), tmp_path / "model.keras")
    shutil.copy(tmp_path / "model.keras", tmp_path / "model.zip")
    assert "not a .keras file" in refused(tmp_path / "model.zip")


def test_the_digest_changes_with_any_weight():
    model = a_cnn()
    before, digests = weights_digest(model), set()
    for variable in model.weights:
        kept = variable.numpy()
        changed = kept.copy()
        changed.flat[-1] = np.nextafter(changed.flat[-1], np.inf, dtype=np.float32)
        variable.assign(changed)
        digests.add(weights_digest(model))
        variable.assign(kept)
    assert weights_digest(model) == before
    assert len(digests | {before}) == len(model.weights) + 1
