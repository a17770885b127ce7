import shutil
import warnings

import numpy as np
import pytest
from odd_models import Subclassed
from real_data import digits

from pipeline.keras import keras, tf
from pipeline.models.own_files import own_files, saved_model_files
from pipeline.models.saved_model import load_saved_model

L = keras.layers
IMAGE = digits().train.features[:8].astype(np.float32)


def sequential(*layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8, 8, 1)), *layers, L.Flatten(), L.Dense(10)])


def trained():
    model = sequential(L.Conv2D(2, 3, strides=(2, 1)), L.BatchNormalization(), L.PReLU(shared_axes=[1, 2]))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    model.fit(IMAGE, digits().train.labels[:8], verbose=0)
    return model


def functional():
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 1))
    rows = L.GRU(3)(L.Reshape((8, 8))(tf.nn.relu(x * 2 - 1)))
    return keras.Model(x, L.Dense(10)(L.Add()([rows, L.Dense(3)(L.Flatten()(x))])))


class Own(L.Layer):
    def call(self, x):
        return x


def saved(model, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(folder, save_format="tf")
    return folder


@pytest.mark.parametrize("build", [trained, functional])
def test_what_is_loaded_computes_what_was_saved(build, tmp_path):
    model = build()
    folder = saved(model, tmp_path / "mine")
    loaded = load_saved_model(folder)
    np.testing.assert_array_equal(loaded(IMAGE), model(IMAGE))
    for one, two in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]


def test_the_graph_is_neither_read_nor_run(tmp_path):
    folder = saved(functional(), tmp_path / "mine")
    (folder / "saved_model.pb").write_bytes(b"nonsense")
    assert load_saved_model(folder).output_shape == (None, 10)
    assert sorted(own_files(folder)) == [
        "keras_metadata.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]


def refused(folder):
    with pytest.raises(ValueError, match=r"^mine: ") as caught:
        load_saved_model(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("mine: ")


def test_a_folder_without_keras_metadata_is_refused(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    assert refused(folder).startswith("not a SavedModel; accepted: a folder with saved_model.pb and keras_metadata.pb")
    tf.saved_model.save(tf.Module(), str(folder))
    assert refused(folder).startswith("a SavedModel without keras_metadata.pb, so its layers can't be known; accepted")
    with pytest.raises(ValueError, match="without keras_metadata"):
        saved_model_files(folder)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: sequential(L.Lambda(lambda x: 2 * x)),
            "refused, because a Lambda layer may run code; accepted: Keras",
        ),
        (lambda: sequential(Own()), "can't be loaded: Unknown layer: 'Own'"),
        (Subclassed, "not a functional or sequential model; accepted: one of these, not subclassed"),
    ],
    ids=["lambda", "own layer", "subclassed"],
)
def test_code_is_refused(build, said, tmp_path):
    model = build()
    model(IMAGE)
    assert refused(saved(model, tmp_path / "mine")).startswith(said)


def test_an_operation_that_touches_files_is_refused(tmp_path):
    x = keras.Input((8, 8, 1))
    folder = saved(keras.Model(x, tf.math.abs(x)), tmp_path / "mine")
    content = (folder / "keras_metadata.pb").read_bytes()
    metadata = keras.protobuf.saved_metadata_pb2.SavedMetadata.FromString(content)
    for node in metadata.nodes:
        node.metadata = node.metadata.replace('"math.abs"', '"io.write_file"')
    (folder / "keras_metadata.pb").write_bytes(metadata.SerializeToString())
    assert refused(folder).startswith("refused, because TFOpLambda of io.write_file may run code")


@pytest.mark.parametrize("name", ["keras_metadata.pb", "variables/variables.index"])
def test_damage_is_told_in_one_line(name, tmp_path):
    folder = saved(trained(), tmp_path / "mine")
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    assert refused(folder).startswith("can't be loaded: ")


def test_weights_of_another_model_are_refused(tmp_path):
    folder, other = saved(trained(), tmp_path / "mine"), saved(sequential(), tmp_path / "other")
    shutil.rmtree(folder / "variables")
    shutil.copytree(other / "variables", folder / "variables")
    assert refused(folder).startswith("can't be loaded: ")


def test_files_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.keras: no such file; accepted: a \.keras file, or the folder of a S"):
        own_files(tmp_path / "none.keras")
    (tmp_path / "model.h5").touch()
    with pytest.raises(ValueError, match=r"^model\.h5: not a \.keras file; accepted: a \.keras file, or the folder"):
        own_files(tmp_path / "model.h5")
    (tmp_path / "any.keras").touch()
    assert own_files(tmp_path / "any.keras") == {"model.keras": tmp_path / "any.keras"}
