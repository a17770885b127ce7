import numpy as np
import pytest

from pipeline.data.examples import FREE, Images, Table
from pipeline.data.sources.arrays import load_arrays

GENERATOR = np.random.default_rng(0)
COLOUR = GENERATOR.integers(0, 256, (6, 4, 5, 3), np.uint8)
GREY = COLOUR[..., 0]
ROWS = GENERATOR.standard_normal((6, 2))
CLASSES = np.array([0, 1, 2, 0, 1, 2])
NAN, INF = float("nan"), float("inf")


def npz(folder, **arrays):
    file = folder / "data.npz"
    np.savez(file, **arrays)
    return file


def columns(table):
    assert isinstance(table, Table)
    assert [(column.kind, column.words) for column in table.columns] == [("numeric", ())] * len(table.columns)
    return np.stack([column.values.read(0, len(column.values)) for column in table.columns], axis=1)


@pytest.mark.parametrize("names", [("features", "labels"), ("x", "y")])
def test_images_from_npz(tmp_path, names):
    for features in (COLOUR, GREY, GREY[..., np.newaxis]):
        images = load_arrays(npz(tmp_path, **dict(zip(names, (features, CLASSES), strict=True))))
        np.testing.assert_array_equal(images.features, features.reshape(6, 4, 5, -1))
        assert (images.features.dtype, images.scale, images.placement.part) == (np.uint8, 255.0, None)
        assert images.targets.values.tolist() == CLASSES.tolist()
        assert images.targets.names == ("0", "1", "2")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_images_of_fractions_have_their_scale_stated(tmp_path, dtype):
    wanted = (COLOUR / 255).astype(dtype)
    images = load_arrays(npz(tmp_path, x=wanted, y=CLASSES), scale=1)
    assert (images.features.dtype, images.scale) == (np.float32, 1.0)
    np.testing.assert_array_equal(images.features, wanted.astype(np.float32))


def test_table_from_npz(tmp_path):
    rows = ROWS.copy()
    rows[3, 1] = NAN
    table = load_arrays(npz(tmp_path, x=rows, y=CLASSES, feature_names=["width", "height"], class_names=list("abc")))
    np.testing.assert_array_equal(columns(table), rows.astype(np.float32))
    assert [column.name for column in table.columns] == ["width", "height"]
    assert table.targets.names == ("a", "b", "c")
    for whole in (np.array([[1, 2]] * 3), np.array([[True, False]] * 3), np.array([[1, 2]] * 3, np.float16)):
        table = load_arrays(npz(tmp_path, x=whole, y=[0, 1, 0]))
        np.testing.assert_array_equal(columns(table), whole.astype(np.float32))
        assert [column.name for column in table.columns] == ["x0", "x1"]


def test_parts_as_keras_names_them(tmp_path):
    arrays = {"x_train": GREY, "y_train": CLASSES, "x_test": GREY[:2] + 1, "y_test": CLASSES[:2]}
    images = load_arrays(npz(tmp_path, **arrays))
    np.testing.assert_array_equal(images.features[..., 0], np.concatenate([GREY, GREY[:2] + 1]))
    assert images.placement.part.tolist() == [FREE] * 6 + [2, 2]
    assert images.targets.values.tolist() == [*CLASSES, 0, 1]
    more = load_arrays(npz(tmp_path, **arrays, x_validation=GREY[:1], y_validation=[2]))
    assert more.placement.part.tolist() == [0] * 6 + [1] + [2, 2]
    assert more.targets.values.tolist() == [*CLASSES, 2, 0, 1]


def test_two_npy_files(tmp_path):
    np.save(tmp_path / "x.npy", COLOUR)
    np.save(tmp_path / "y.npy", CLASSES)
    images = load_arrays(tmp_path / "x.npy", labels=tmp_path / "y.npy")
    assert isinstance(images.features.base, np.memmap) or isinstance(images.features, np.memmap)
    np.testing.assert_array_equal(images.features, COLOUR)
    assert images.targets.values.tolist() == CLASSES.tolist()


TARGETS = {
    "integers": ([3, 7, 3], None, "classification", [0, 1, 0], ("3", "7")),
    "signed": (np.array([-1, 1, -1], np.int8), None, "classification", [0, 1, 0], ("-1", "1")),
    "column": ([[1], [0], [1]], None, "classification", [1, 0, 1], ("0", "1")),
    "truth values": ([True, False, True], None, "classification", [1, 0, 1], ("False", "True")),
    "texts": (["oak", "ash", "oak"], None, "classification", [1, 0, 1], ("ash", "oak")),
    "bytes": ([b"oak", b"ash", b"oak"], None, "classification", [1, 0, 1], ("ash", "oak")),
    "fractions": ([0.5, 2, -1], None, "regression", [0.5, 2, -1], ("target",)),
    "column of fractions": ([[0.5], [2], [-1]], None, "regression", [0.5, 2, -1], ("target",)),
    "rows": ([[0, 1], [1, 1], [0, 0]], None, "multi_label", [[0, 1], [1, 1], [0, 0]], ("0", "1")),
    "rows of fractions": ([[0, 1.0], [1, 1], [0, 0]], None, "multi_label", [[0, 1], [1, 1], [0, 0]], ("0", "1")),
    "integers to regress": ([3, 7, 3], "regression", "regression", [3, 7, 3], ("target",)),
    "whole fractions": ([3.0, 7.0, 3.0], "classification", "classification", [0, 1, 0], ("3", "7")),
    "one-hot": ([[0, 1], [1, 0], [0, 1]], "classification", "classification", [1, 0, 1], ("0", "1")),
    "one label a row": ([[0, 1], [1, 0], [0, 1]], "multi_label", "multi_label", [[0, 1], [1, 0], [0, 1]], ("0", "1")),
    "one label": ([[0], [1], [0]], "multi_label", "multi_label", [[0], [1], [0]], ("0",)),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets(tmp_path, case):
    labels, stated, task, values, names = TARGETS[case]
    targets = load_arrays(npz(tmp_path, x=ROWS[:3], y=labels), task=stated).targets
    assert (targets.task, targets.values.tolist(), targets.names) == (task, values, names)
    assert str(targets.values.dtype) == {"classification": "int32", "regression": "float32"}.get(task, "uint8")


@pytest.mark.parametrize(
    ("labels", "names", "values"), [([0, 2, 0], "abc", [0, 2, 0]), (["c", "a", "c"], "cba", [0, 2, 0])]
)
def test_named_classes_keep_their_order(tmp_path, labels, names, values):
    targets = load_arrays(npz(tmp_path, x=ROWS[:3], y=labels, class_names=list(names))).targets
    assert (targets.values.tolist(), targets.names) == (values, tuple(names))


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


FRACTIONS = COLOUR / 255
PARTED = {"x_train": ROWS, "y_train": CLASSES, "x_test": ROWS, "y_test": CLASSES}

BAD = {
    "nothing": ({}, {}, "holds nothing; accepted: features and labels, x and y, or x_train"),
    "no labels": ({"x": ROWS}, {}, "x without y; accepted: both"),
    "no features": ({"labels": CLASSES}, {}, "labels without features"),
    "no test labels": ({"x_train": ROWS, "y_train": CLASSES, "x_test": ROWS}, {}, "x_test without y_test"),
    "unknown": ({"x": ROWS, "y": CLASSES, "lables": CLASSES}, {}, "'lables' is unknown; .*did you mean labels"),
    "twice": ({"x": ROWS, "y": CLASSES, "features": ROWS, "labels": CLASSES}, {}, "holds x, y, features, labels;"),
    "whole and parts": ({**PARTED, "x": ROWS, "y": CLASSES}, {}, "accepted: features and labels, x and y, or x_train"),
    "test alone": ({"x_test": ROWS, "y_test": CLASSES}, {}, "holds x_test, y_test; accepted"),
    "objects": ({"x": np.array([[1, "a"]] * 6, object), "y": CLASSES}, {}, "Python objects, which only pickle reads"),
    "object labels": ({"x": ROWS, "y": np.array([None] * 6)}, {}, "Python objects, which only pickle reads"),
    "counts": ({"x": ROWS, "y": CLASSES[:5]}, {}, "y has 5 labels; accepted: 6, as x has examples"),
    "test counts": ({**PARTED, "y_test": CLASSES[:5]}, {}, "y_test has 5 labels; accepted: 6"),
    "test columns": ({**PARTED, "x_test": ROWS[:, :1]}, {}, r"x_test: examples of .* shape \(1,\); .* \(2,\)"),
    "test type": ({**PARTED, "x_test": ROWS.astype("f4")}, {}, "x_test: examples of dtype float32 .*float64"),
    "unseen class": (
        {**PARTED, "y_test": np.array([0, 1, 9, 0, 1, 2])},
        {},
        r"class '9' is in another part, but not in y_train \(1 such",
    ),
    "no examples": ({"x": ROWS[:0], "y": CLASSES[:0]}, {}, r"x is of shape \(0, 2\); accepted: one example"),
    "a number": ({"x": np.float32(3), "y": CLASSES}, {}, r"x is of shape \(\)"),
    "one dimension": ({"x": ROWS[:, 0], "y": CLASSES}, {}, r"shape \(6,\); accepted: images .* table"),
    "five dimensions": ({"x": COLOUR[:, None], "y": CLASSES}, {}, "accepted: images .* table"),
    "texts": ({"x": np.array([["a", "b"]] * 6), "y": CLASSES}, {}, "dtype <U1 .*table of numbers"),
    "complex": ({"x": ROWS * 1j, "y": CLASSES}, {}, "dtype complex128"),
    "infinite": ({"x": changed(ROWS, (4, 1), INF), "y": CLASSES}, {}, r"row 4: inf at \[1\]; accepted: numbers up to"),
    "too large": ({"x": changed(ROWS, (4, 1), -1e39), "y": CLASSES}, {}, r"row 4: -1e\+39 at \[1\]"),
    "scale of a table": ({"x": ROWS, "y": CLASSES}, {"scale": 1}, "scale 1 for a table"),
    "feature names": ({"x": ROWS, "y": CLASSES, "feature_names": ["a"]}, {}, "1 feature_names for 2 columns"),
    "doubled feature": ({"x": ROWS, "y": CLASSES, "feature_names": ["a", "a"]}, {}, "accepted: one each"),
    "number as a name": ({"x": ROWS, "y": CLASSES, "feature_names": [1, 2]}, {}, "accepted: a row of texts"),
    "feature names of images": ({"x": GREY, "y": CLASSES, "feature_names": ["a"]}, {}, "feature_names for images"),
    "channels first": ({"x": COLOUR.transpose(0, 3, 1, 2), "y": CLASSES}, {}, r"\(3, 4, 5\); accepted: .*1 or 3"),
    "wide integers": ({"x": COLOUR.astype(int), "y": CLASSES}, {}, "images of dtype int64; accepted: uint8"),
    "no scale": ({"x": FRACTIONS, "y": CLASSES}, {}, "without a scale; accepted: the scale stated"),
    "scale": ({"x": FRACTIONS, "y": CLASSES}, {"scale": 0}, "scale 0; accepted: a number above 0"),
    "scale NaN": ({"x": FRACTIONS, "y": CLASSES}, {"scale": NAN}, "scale nan; accepted: a number above 0"),
    "NaN pixel": (
        {"x": changed(FRACTIONS, (4, 1, 2, 0), NAN), "y": CLASSES},
        {"scale": 1},
        r"image 4: nan at \[1, 2, 0\]; accepted: finite",
    ),
    "task": (
        {"x": ROWS, "y": CLASSES},
        {"task": "classifcation"},
        "task 'classifcation'; .*did you mean classification",
    ),
    "NaN target": (
        {"x": ROWS, "y": changed(ROWS[:, 0], 3, NAN)},
        {},
        r"labels: example 3: label nan \(1 such in all\); accepted: finite",
    ),
    "infinite target": ({"x": ROWS, "y": changed(ROWS[:, 0], 2, -INF)}, {}, "example 2: label -inf"),
    "huge target": ({"x": ROWS, "y": changed(ROWS[:, 0], 2, 1e39)}, {}, r"example 2: label 1e\+39"),
    "NaN class": (
        {"x": ROWS, "y": changed(CLASSES.astype(float), 1, NAN)},
        {"task": "classification"},
        "example 1: label nan",
    ),
    "part of a class": (
        {"x": ROWS, "y": changed(CLASSES.astype(float), 1, 0.5)},
        {"task": "classification"},
        r"example 1: label 0\.5 .*accepted: whole numbers",
    ),
    "one class": ({"x": ROWS, "y": CLASSES * 0}, {}, "every label is '0'; accepted: two or more classes"),
    "class out of names": (
        {"x": ROWS, "y": CLASSES, "class_names": ["a", "b"]},
        {},
        r"example 2: label 2 \(2 such in all\); accepted: 0 to 1, for 2 class names",
    ),
    "text out of names": (
        {"x": ROWS, "y": np.array(list("abcabc")), "class_names": ["a", "b"]},
        {},
        "example 2: label 'c' .*accepted: a, b",
    ),
    "doubled name": ({"x": ROWS, "y": CLASSES, "class_names": list("aab")}, {}, "accepted: texts, each once"),
    "blank label": ({"x": ROWS, "y": np.array(["a", "b", " ", "", "a", "b"])}, {}, r"example 2: label ' ' \(2 such"),
    "bytes not UTF-8": ({"x": ROWS, "y": np.array([b"\xff"] * 6)}, {}, "isn't UTF-8 text"),
    "one-hot or labels": ({"x": ROWS, "y": np.eye(6)}, {}, "single 1, .*task classification or multi_label stated"),
    "not one-hot": (
        {"x": ROWS, "y": changed(np.eye(6), (2, 3), 1)},
        {"task": "classification"},
        r"example 2: label .*accepted: rows with a single 1",
    ),
    "other than 0 and 1": ({"x": ROWS, "y": ROWS}, {}, "example 0: label -0.3.*accepted: 0 or 1 in each column"),
    "NaN in a row": ({"x": ROWS, "y": changed(np.ones((6, 2)), (5, 1), NAN)}, {}, "example 5: label nan"),
    "names of labels": ({"x": ROWS, "y": np.ones((6, 2)), "class_names": ["a"]}, {}, "2 labels for 1 names"),
    "labels of three dimensions": ({"x": ROWS, "y": GREY}, {}, r"labels of dtype uint8 and shape \(6, 4, 5\)"),
    "texts to regress": ({"x": ROWS, "y": np.array(list("abcabc"))}, {"task": "regression"}, "one number for each"),
    "rows to regress": ({"x": ROWS, "y": ROWS}, {"task": "regression"}, "one number for each"),
    "a row of labels": ({"x": ROWS, "y": CLASSES}, {"task": "multi_label"}, r"accepted: 0 and 1 of shape \(n, labels"),
    "dates": ({"x": ROWS, "y": np.array(["2020-01-01"] * 6, "M8")}, {}, "labels of dtype datetime64"),
    "many classes": ({"x": np.ones((1001, 1)), "y": np.arange(1001)}, {}, "1001 distinct labels, as a regression"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_told_in_one_line(tmp_path, case):
    arrays, options, said = BAD[case]
    file = npz(tmp_path, **arrays)
    with pytest.raises(ValueError, match=said) as caught:
        load_arrays(file, **options)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "accepted: " in message
    assert "\n" not in message


def test_large_arrays_are_checked_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.data.sources.array_examples._BLOCK", 4)
    table = load_arrays(npz(tmp_path, x=ROWS, y=CLASSES))
    np.testing.assert_array_equal(columns(table), ROWS.astype(np.float32))
    images = load_arrays(npz(tmp_path, x=FRACTIONS, y=CLASSES), scale=1)
    assert isinstance(images, Images)
    np.testing.assert_array_equal(images.features, FRACTIONS.astype(np.float32))
    with pytest.raises(ValueError, match=r"row 5: inf at \[1\]"):
        load_arrays(npz(tmp_path, x=changed(ROWS, (5, 1), INF), y=CLASSES))
