import json
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from pipeline.data.dataset import PARTS, Affine, Column, Dataset, Info, Split
from pipeline.data.files import load, part_files, save


def part(count, offset=0.0):
    features = np.arange(count * 2, dtype=np.float32).reshape(count, 2) + np.float32(offset)
    return Split(features, np.arange(count, dtype=np.int32) % 2)


COLUMNS = (Column("a", "numeric", (), 0.5, 1 / 3, 2e-300), Column("ö", "categorical", ("x", "y"), fill=1.0))
INFO = Info("table", "classification", (2,), "float32", ("nö", "yes"), COLUMNS)


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


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.uint8, np.int32])
def test_a_narrowed_part_comes_back_in_its_type_and_decodes_to_numbers(tmp_path, dataset, dtype):
    affine = Affine(np.float32([0.5, 2]), np.float32([1, 0.1])) if dtype == np.uint8 else None
    narrow = Split(dataset.train.features.astype(dtype), dataset.train.labels, affine)
    save(replace(dataset, train=narrow), tmp_path)
    again = load(tmp_path).train
    assert again.features.dtype == dtype
    np.testing.assert_array_equal(again.decoded([1, 3]), narrow.decoded([1, 3]))
    if affine:
        np.testing.assert_array_equal(again.decoded(slice(2)), narrow.features[:2] * affine.scale + affine.offset)


@pytest.mark.parametrize(
    ("task", "labels"),
    [("regression", np.float32([1.5, -2])), ("multi_label", np.array([[1, 0], [0, 0]], np.uint8))],
)
def test_other_tasks_come_back(tmp_path, task, labels):
    info = replace(INFO, task=task, target_mean=0.25, target_variance=3.0)
    split = Split(np.zeros((2, 2), np.float32), labels)
    save(Dataset(info, split, split, split), tmp_path)
    again = load(tmp_path)
    assert again.info == info
    np.testing.assert_array_equal(again.test.labels, labels)


def test_a_large_part_is_written_in_blocks(tmp_path, monkeypatch, dataset):
    save(dataset, tmp_path / "whole")
    monkeypatch.setattr("pipeline.data.files.BLOCK_BYTES", 16)
    save(dataset, tmp_path / "blocks")
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "blocks" / file.name).read_bytes() == file.read_bytes()


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
    ("labels", "count"),
    [
        (np.zeros(3, np.int64), 3),
        (np.zeros((3, 2), np.int32), 3),
        (np.zeros(2, np.int32), 3),
        (np.zeros(0, np.int32), 0),
    ],
)
def test_split_refuses_other_labels(labels, count):
    with pytest.raises(ValueError, match=r"accepted: (one for each|int32 classes)"):
        Split(np.zeros((count, 2), np.float32), labels)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (Split(np.zeros((1, 3), np.float32), np.zeros(1, np.int32)), r"of shape \(3,\); accepted: \(2,\)"),
        (Split(np.zeros((1, 2)), np.zeros(1, np.int32)), r"test part: features are float64; accepted: float32"),
        (Split(np.zeros((1, 2), np.float32), np.full(1, 2, np.int32)), "labels span 2 to 2; accepted: int32, 0 to 1"),
        (
            Split(np.zeros((1, 2), np.float32), np.full(1, -1, np.int32)),
            "labels span -1 to -1; accepted: int32, 0 to 1",
        ),
    ],
)
def test_dataset_refuses_a_part_that_disagrees(test, said):
    with pytest.raises(ValueError, match=said):
        Dataset(INFO, part(4), part(2), test)


def without_a_key(folder):
    file = folder / "dataset.json"
    fields = json.loads(file.read_text())
    del fields["info"]["scale"], fields["narrowed"]
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
        (without_a_key, ValueError, "not a dataset's description .*'narrowed'"),
        (cut("train_features.npy", -4), ValueError, r"train part: train_features\.npy isn't a whole \.npy file"),
        (cut("test_labels.npy", 0), ValueError, r"test part: test_labels\.npy isn't a whole \.npy file"),
        (
            lambda folder: np.save(folder / "test_labels.npy", np.zeros(1, np.int32)),
            ValueError,
            "test part: 1 labels for 2",
        ),
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
    with pytest.raises(ValueError, match="Python objects in dtype"):
        load(tmp_path)
