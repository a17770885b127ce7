import sys

import numpy as np
import pytest

from pipeline.data.sources.tfds import load_tfds, tfds_files

tfds = pytest.importorskip("tensorflow_datasets")

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)


def prepare(folder, name, features, splits, supervised_keys=None):
    """Prepares a data set of these splits' examples in the folder, as TensorFlow Datasets itself does."""

    class Made(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=supervised_keys
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(rows) for split, rows in splits.items()}

        def _generate_examples(self, rows):
            yield from enumerate(rows)

    Made.name = name
    tfds.disable_progress_bar()
    Made(data_dir=folder).download_and_prepare()


def numbers(table):
    return {column.name: column.values.read(0, len(column.values)).tolist() for column in table.columns}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    image, classes = tfds.features.Image(shape=(4, 5, 3)), tfds.features.ClassLabel(names=["ash", "oak"])
    pictures = [{"image": pixels, "label": index % 2} for index, pixels in enumerate(COLOUR)]
    any_size = tfds.features.Image(shape=(None, None, 3))
    prepare(folder, "trees", {"image": image, "label": classes}, {"train": pictures[:4], "test": pictures[4:]})
    three = {"train": pictures[:3], "validation": pictures[3:4], "test": pictures[4:], "extra": pictures}
    prepare(folder, "sizes", {"image": any_size, "label": classes}, three, ("image", "label"))
    people = [
        {"age": 30.5, "sex": 0, "town": "Ulm", "sizes": [1.0, 2.0], "paid": 3.5},
        {"age": float("nan"), "sex": 1, "town": "", "sizes": [3.0, 4.0], "paid": 4.5},
        {"age": 20.0, "sex": -1, "town": "Bonn", "sizes": [5.0, 6.0], "paid": 5.5},
    ]
    columns = {
        "age": np.float32,
        "sex": tfds.features.ClassLabel(names=["f", "m"]),
        "town": tfds.features.Text(),
        "sizes": tfds.features.Tensor(shape=(2,), dtype=np.float32),
        "paid": np.float32,
    }
    prepare(folder, "people", columns, {"train": people})
    prepare(
        folder,
        "unlabelled",
        {"image": image, "label": classes},
        {"train": pictures, "test": [{**pictures[0], "label": -1}]},
    )
    prepare(
        folder,
        "two",
        {"a": image, "b": image, "label": classes},
        {"train": [{"a": COLOUR[0], "b": COLOUR[1], "label": 0}]},
    )
    prepare(folder, "untrained", {"image": image, "label": classes}, {"test": pictures})
    prepare(
        folder,
        "nested",
        {"many": tfds.features.Sequence(np.float32), "label": classes},
        {"train": [{"many": [1.0], "label": 0}]},
    )
    return folder


def load(folder, name, **options):
    return load_tfds(name, **{"data_dir": folder, **options})


def test_images_of_one_size(folder):
    images = load(folder, "trees")
    # TensorFlow Datasets shuffles what it prepares.
    order = [next(index for index in range(6) if (pixels == COLOUR[index]).all()) for pixels in images.features]
    assert (sorted(order[:4]), sorted(order[4:])) == ([0, 1, 2, 3], [4, 5])
    assert images.targets.values.tolist() == [index % 2 for index in order]
    assert (images.targets.names, images.scale) == (("ash", "oak"), 255.0)
    assert images.placement.part.tolist() == [-1] * 4 + [2] * 2


def test_images_of_many_sizes(folder):
    images = load(folder, "sizes:1.0.0", size=(2, 3), channels=1)
    assert images.features.shape == (6, 2, 3, 1)
    assert images.placement.part.tolist() == [0] * 3 + [1] + [2] * 2
    with pytest.raises(ValueError, match="sizes: images of many sizes; accepted: the size"):
        load(folder, "sizes")


def test_table(folder):
    table = load(folder, "people", label="paid")
    order = [int(paid - 3.5) for paid in table.targets.values]
    found = {name: [values[order.index(index)] for index in range(3)] for name, values in numbers(table).items()}
    np.testing.assert_array_equal(found.pop("age"), [30.5, np.nan, 20])
    assert found == {"sex": [0, 1, -1], "town": [1, -1, 0], "sizes_0": [1, 3, 5], "sizes_1": [2, 4, 6]}
    assert {column.name: column.words for column in table.columns if column.kind == "categorical"} == {
        "sex": ("f", "m"),
        "town": ("Bonn", "Ulm"),
    }
    assert (table.targets.task, table.placement.part) == ("regression", None)


def test_files(folder):
    names = [file.name for file in tfds_files("trees", data_dir=folder)]
    assert "trees-train.tfrecord-00000-of-00001" in names
    assert names == sorted(names)


BAD = {
    "unknown": ("tree", {}, r"data set 'tree': Dataset tree not found.*; accepted: one that is known or in"),
    "version": ("trees:9.0.0", {}, "data set 'trees:9.0.0': "),
    "elsewhere": ("huggingface:trees", {}, "data set 'huggingface:trees'; accepted: name, name/config"),
    "path": ("../trees", {}, "accepted: name, name/config"),
    "label": ("trees", {"label": "lable"}, r"no feature 'lable'; accepted: image, label; did you mean label\?"),
    "missing label": ("unlabelled", {}, "label 'label': test 0: label -1 .*accepted: 0 to 1, for 2 class names"),
    "class of unknown sex": ("people", {}, "label 'sex': train .: label -1"),
    "two images": ("two", {}, "two: has images a, b; accepted"),
    "no train": ("untrained", {}, "untrained: has splits test; accepted: train, validation, test"),
    "sequence": ("nested", {}, "feature 'many' is Sequence.*; accepted: numbers, class labels, texts"),
    "channels": ("trees", {"channels": 4}, "channels 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_sets_are_told_in_one_line(folder, case):
    name, options, said = BAD[case]
    with pytest.raises(ValueError, match=said) as caught:
        load(folder, name, **options)
    assert "accepted: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_prepared_is_not_downloaded_unasked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data set 'mnist': isn't prepared in .*; accepted: that, or download"):
        load(tmp_path, "mnist")


def test_damaged_data(folder, tmp_path):
    file = folder / "damaged/1.0.0/damaged-train.tfrecord-00000-of-00001"
    classes = tfds.features.ClassLabel(names=["ash", "oak"])
    prepare(folder, "damaged", {"a": np.float32, "label": classes}, {"train": [{"a": 1.0, "label": 1}] * 3})
    content = bytearray(file.read_bytes())
    content[20] ^= 255
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged: damaged in .*DataLossError") as caught:
        load(folder, "damaged")
    assert "\n" not in str(caught.value)


def test_without_tensorflow_datasets(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match=r"isn't installed; accepted: pip install 'frugal-pipeline\[tfds\]'"):
        load(tmp_path, "trees")
