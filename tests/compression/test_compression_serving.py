import gc
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from compression_cases import mixed_model, regression_model, table_model, unrelated_work
from real_data import Column, breast_cancer, diabetes, mixed

from pipeline.compression.export import keras_outputs, raw_outputs, saved_model_outputs, to_saved_model
from pipeline.compression.serving import Encoder, argument_names
from pipeline.keras import keras, tf

MODELS = [
    (table_model, breast_cancer, "logits"),
    (mixed_model, mixed, "logits"),
    (regression_model, diabetes, "prediction"),
]


def raw(columns, table):
    """The raw columns that were encoded as this matrix; code 0 as a text that no vocabulary has."""
    values = [
        numbers if column.kind == "numeric" else [["unheard of", *column.vocabulary][int(code)] for code in numbers]
        for column, numbers in zip(columns, table.T, strict=True)
    ]
    return dict(zip(argument_names([column.name for column in columns]), values, strict=True))


@pytest.mark.parametrize(("model", "data", "output"), MODELS)
def test_raw_columns_give_what_the_encoded_matrix_gives(model, data, output, tmp_path):
    columns, table = data().columns, data().test.features[:60].copy()
    table[:5, [column.kind == "categorical" for column in columns]] = 0
    to_saved_model(model(), tmp_path, columns, output=output)
    expected = keras_outputs(model(), table)
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(saved_model_outputs(tmp_path, table), expected, atol=atol)
    np.testing.assert_allclose(raw_outputs(tmp_path, raw(columns, table)), expected, atol=atol)


@pytest.mark.parametrize(("model", "data", "output"), MODELS)
def test_the_signatures_state_names_and_types(model, data, output, tmp_path):
    columns = data().columns
    to_saved_model(model(), tmp_path, columns, output=output)
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    assert set(signatures) == {"serving_default", "features"}
    specs = signatures["serving_default"].structured_input_signature[1]
    names = argument_names([column.name for column in columns])
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in specs.items()} == {
        name: (tf.float32 if column.kind == "numeric" else tf.string, [None])
        for name, column in zip(names, columns, strict=True)
    }
    encoded = signatures["features"].structured_input_signature[1]
    assert {name: spec.shape.as_list() for name, spec in encoded.items()} == {"features": [None, len(columns)]}
    assert [list(each.structured_outputs) for each in signatures.values()] == [[output], [output]]


def test_missing_values_become_the_fill_and_unknown_texts_code_0():
    columns = [
        Column("x", "numeric", fill=7.5),
        Column("c", "categorical", ("b", "d", "\u00e9"), fill=2.0),
        Column("e", "categorical", ("", "z"), fill=2.0),
        Column("nothing", "categorical", (), fill=0.0),
    ]
    values = [
        tf.constant([1.0, np.nan, -3.0, np.inf, 0.0]),
        tf.constant(["b", "", "\u00e9", "a", "B"]),
        tf.constant(["z", "", "", "q", "z "]),
        tf.constant(["", "a", "", "b", "c"]),
    ]
    np.testing.assert_array_equal(
        Encoder(columns)(values),
        [[1, 1, 2, 0], [7.5, 2, 1, 0], [-3, 3, 1, 0], [np.inf, 0, 0, 0], [0, 0, 0, 0]],
    )


@pytest.mark.parametrize(
    ("names", "made"),
    [
        (["Age", "a_b", "x2"], ["Age", "a_b", "x2"]),
        (["2nd", "_x", "", "\u00e9", "na\u00efve"], ["column_2nd", "column__x", "column_", "column__", "na_ve"]),
        (["class", "self", "class_"], ["class__2", "self_", "class_"]),
        (["a b", "a_b", "a-b", "a_b_2"], ["a_b_3", "a_b", "a_b_4", "a_b_2"]),
        (["Age", "age", "AGE"], ["Age", "age_2", "AGE_3"]),
    ],
)
def test_names_are_valid_and_unique_and_stay_where_they_can(names, made):
    assert argument_names(names) == tuple(made)
    assert all(name.isidentifier() for name in made)


def test_awkward_names_are_served_under_their_arguments(tmp_path):
    columns = [Column(name, "numeric") for name in ("class", "a b", "A B", "a.b", "self", "x" * 300)]
    inputs = keras.Input((len(columns),))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
    to_saved_model(model, tmp_path, columns)
    names = argument_names([column.name for column in columns])
    values = {name: np.array([10.0**place]) for place, name in enumerate(names)}
    np.testing.assert_allclose(raw_outputs(tmp_path, values), [[111111]])


def test_two_saved_models_in_one_process_keep_their_own_vocabularies(tmp_path):
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    folders = {words: tmp_path / "-".join(words) for words in (("a", "b", "c"), ("c", "d"), ("ab", "c"))}
    for words, folder in folders.items():
        to_saved_model(model, folder, [Column("text", "categorical", words)])
    twice = [tf.saved_model.load(str(folders["a", "b", "c"])) for _ in range(2)]
    loaded = {words: tf.saved_model.load(str(folder)) for words, folder in folders.items()}
    del twice[0]
    gc.collect()
    for words, each in [*loaded.items(), (("a", "b", "c"), twice[0])]:
        given = each.signatures["serving_default"](text=tf.constant(["a", "b", "c", "d", "ab"]))["logits"]
        expected = [[words.index(text) + 1 if text in words else 0] for text in ("a", "b", "c", "d", "ab")]
        np.testing.assert_array_equal(given, expected)


def content(folder):
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_models_give_equal_bytes_without_assets(tmp_path):
    columns = mixed().columns
    for name in ("first", "second"):
        to_saved_model(mixed_model(), tmp_path / name, columns)
        unrelated_work()
    found = content(tmp_path / "first")
    assert content(tmp_path / "second") == found
    assert set(found) == {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}
    changed = [*columns[:-1], Column("city 5", "categorical", columns[-1].vocabulary, fill=3.0)]
    to_saved_model(mixed_model(), tmp_path / "other", changed)
    assert content(tmp_path / "other") != found


IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from compression_cases import unrelated_work
from real_data import mixed
from pipeline.compression.export import to_saved_model
from pipeline.models.files import load_model
unrelated_work()
to_saved_model(load_model(Path(sys.argv[1])), Path(sys.argv[2]), mixed().columns)
"""


def test_another_process_gives_the_same_bytes(tmp_path):
    from pipeline.models.files import load_model, save_model

    save_model(mixed_model(), tmp_path / "model.keras")
    to_saved_model(load_model(tmp_path / "model.keras"), tmp_path / "here", mixed().columns)
    here = Path(__file__).parent
    paths = os.pathsep.join(str(path) for path in (here.parents[1], here.parent, here))
    arguments = [str(tmp_path / "model.keras"), str(tmp_path / "there")]
    subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, *arguments],
        check=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "17"},
    )
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_columns_that_the_model_does_not_take_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^5 columns for a model that takes \(6,\)$"):
        to_saved_model(mixed_model(), tmp_path / "model", mixed().columns[:5])
    to_saved_model(mixed_model(), tmp_path / "model", mixed().columns)
    values = raw(mixed().columns, mixed().test.features[:2])
    values["cities"] = values.pop("city_1")
    with pytest.raises(ValueError, match=r"^columns cities, .*; accepted: city_1, "):
        raw_outputs(tmp_path / "model", values)
