import json

import numpy as np
import pytest

from pipeline.data.dataset import PARTS, Dataset, Info, Split, load, part_files, save


def part(count, offset=0.0):
    features = np.arange(count * 2, dtype=np.float32).reshape(count, 2) + np.float32(offset)
    return Split(features, np.arange(count, dtype=np.int32) % 2)


INFO = Info("table", (2,), "float32", ("nö", "yes"), ("a", "b"), 1.0, (0.1, 1 / 3), (1.0, 2e-300))


@pytest.fixture
def dataset():
    return Dataset(INFO, part(6, 0.1), part(3), part(2))


def test_round_trip(tmp_path, dataset):
    save(dataset, tmp_path / "new" / "folder")
    again = load(tmp_path / "new" / "folder")
    assert again.info == dataset.info
    for name in PARTS:
        one, other = getattr(dataset, name), getattr(again, name)
        for was, now in [(one.features, other.features), (one.labels, other.labels)]:
            np.testing.assert_array_equal(now, was)
            assert now.dtype == was.dtype


def test_same_dataset_gives_the_same_bytes(tmp_path, dataset):
    turned = Split(np.asfortranarray(dataset.train.features), dataset.train.labels)
    save(dataset, tmp_path / "one")
    save(Dataset(INFO, turned, dataset.validation, dataset.test), tmp_path / "two")
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert sorted(one) == [
        "dataset.json",
        *(f"{name}_{what}.npy" for name in sorted(PARTS) for what in ("features", "labels")),
    ]


def test_part_files(tmp_path):
    assert part_files(tmp_path, "test") == (tmp_path / "test_features.npy", tmp_path / "test_labels.npy")
    with pytest.raises(ValueError, match=r"'valid' .*accepted: train, validation, test; did you mean validation\?$"):
        part_files(tmp_path, "valid")


@pytest.mark.parametrize(
    ("labels", "count"), [(np.zeros(3, np.int64), 3), (np.zeros(2, np.int32), 3), (np.zeros(0, np.int32), 0)]
)
def test_split_refuses_other_labels(labels, count):
    with pytest.raises(ValueError, match="accepted: one int32 label for each of one or more examples"):
        Split(np.zeros((count, 2), np.float32), labels)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (Split(np.zeros((1, 3), np.float32), np.zeros(1, np.int32)), r"of shape \(3,\); accepted: float32 of shape"),
        (Split(np.zeros((1, 2)), np.zeros(1, np.int32)), r"test part: features are float64 .*; accepted: float32"),
        (Split(np.zeros((1, 2), np.float32), np.full(1, 2, np.int32)), "labels span 2 to 2; accepted: 0 to 1"),
        (Split(np.zeros((1, 2), np.float32), np.full(1, -1, np.int32)), "labels span -1 to -1; accepted: 0 to 1"),
    ],
)
def test_dataset_refuses_a_part_that_disagrees(test, said):
    with pytest.raises(ValueError, match=said):
        Dataset(INFO, part(4), part(2), test)


def without_mean(folder):
    file = folder / "dataset.json"
    fields = json.loads(file.read_text())
    del fields["mean"]
    file.write_text(json.dumps(fields))


def cut(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (lambda folder: (folder / "dataset.json").unlink(), FileNotFoundError, r"dataset\.json: no such file"),
        (lambda folder: (folder / "test_labels.npy").unlink(), FileNotFoundError, r"test_labels\.npy: no such file"),
        (cut("dataset.json", 20), ValueError, r"dataset\.json: not a dataset's description"),
        (lambda folder: (folder / "dataset.json").write_text("[]"), ValueError, "not a dataset's description"),
        (without_mean, ValueError, "not a dataset's description .*'mean'"),
        (cut("train_features.npy", -4), ValueError, r"train part: train_features\.npy isn't a whole \.npy file"),
        (cut("test_labels.npy", 0), ValueError, r"test part: test_labels\.npy isn't a whole \.npy file"),
        (lambda folder: np.save(folder / "test_labels.npy", np.zeros(1, np.int32)), ValueError, "test part: labels of"),
        (lambda folder: np.save(folder / "test_labels.npy", np.full(2, 9, np.int32)), ValueError, "span 9 to 9"),
    ],
)
def test_load_refuses_damage(tmp_path, dataset, damage, error, said):
    save(dataset, tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=said) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_load_never_unpickles(tmp_path, dataset):
    save(dataset, tmp_path)
    np.save(tmp_path / "test_features.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load(tmp_path)
