import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.data.sampling import near_duplicates as near_module
from pipeline.data.sampling.exact_duplicates import exact_duplicates
from pipeline.data.sampling.near_duplicates import near_duplicates
from pipeline.data.sampling.sketch import Sketch


def digits():
    images, labels = load_digits(return_X_y=True)
    return images.astype(np.uint8).reshape(-1, 8, 8, 1), labels.astype(np.int32)


def greedy(features, labels, tolerance, scale=1.0, categorical=(), same_class=True):
    """Every example against every kept one before it."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    numeric = [column for column in range(flat.shape[1]) if column not in categorical]
    scaled = flat[:, numeric] / np.broadcast_to(np.atleast_1d(scale), flat.shape[1])[numeric]
    kept = []
    for index in range(len(flat)):
        others = [
            other
            for other in kept
            if (not same_class or labels[other] == labels[index])
            and (flat[other, list(categorical)] == flat[index, list(categorical)]).all()
        ]
        apart = np.sqrt(((scaled[others] - scaled[index]) ** 2).mean(axis=1))
        if not (apart <= tolerance).any():
            kept.append(index)
    return kept


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32])
def test_exact_duplicates_are_found(dtype):
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2, (400, 3, 2, 1)).astype(dtype)
    labels = rng.integers(0, 2, 400).astype(np.int32)
    found = exact_duplicates(features, labels)
    seen, first = {}, []
    for index, example in enumerate(features):
        first.append(seen.setdefault(example.tobytes(), index))
    assert found.first.tolist() == first
    assert found.kept.tolist() == sorted(set(first))
    groups = {index: {labels[other] for other in range(400) if first[other] == index} for index in set(first)}
    assert found.conflicting.tolist() == sorted(index for index, group in groups.items() if len(group) > 1)
    assert {array.dtype for array in (found.kept, found.first, found.conflicting)} == {np.dtype(np.int64)}


def test_exact_duplicates_are_removed_once():
    images, labels = digits()
    rng = np.random.default_rng(1)
    copies = rng.integers(0, len(images), 300)
    found = exact_duplicates(np.concatenate([images, images[copies]]), np.concatenate([labels, labels[copies]]))
    np.testing.assert_array_equal(found.kept, np.arange(len(images)))  # the digits have none of their own
    np.testing.assert_array_equal(found.first[len(images) :], copies)
    assert not len(found.conflicting)
    assert len(exact_duplicates(images[found.kept], labels[found.kept]).kept) == len(found.kept)


def test_labels_that_disagree_are_reported_for_every_kind_of_target():
    features = np.array([[1], [2], [1], [2]], np.float32)
    assert exact_duplicates(features, np.array([0.5, 1, 0.6, 1], np.float32)).conflicting.tolist() == [0]
    several = np.array([[0, 1], [1, 1], [0, 1], [0, 1]], np.uint8)
    assert exact_duplicates(features, several).conflicting.tolist() == [1]


def test_a_file_gives_what_memory_gives(tmp_path):
    images, labels = digits()
    np.save(tmp_path / "features.npy", images)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    np.testing.assert_array_equal(exact_duplicates(mapped, labels).first, exact_duplicates(images, labels).first)
    expected = near_duplicates(images, labels, 0.1, scale=16.0)
    np.testing.assert_array_equal(near_duplicates(mapped, labels, 0.1, scale=16.0), expected)


@pytest.mark.parametrize("same_class", [True, False])
@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.1, 0.15, 0.2, 0.5, 10.0])
def test_near_digits_are_those_that_comparing_all_finds(tolerance, same_class, monkeypatch):
    images, labels = digits()
    images, labels = images[:300], labels[:300]
    monkeypatch.setattr(near_module, "_ROWS", 64)  # so that several blocks are needed
    monkeypatch.setattr(near_module, "_COLUMNS", 100)
    found = near_duplicates(images, labels, tolerance, scale=16.0, same_class=same_class)
    assert found.dtype == np.int64
    assert found.tolist() == greedy(images, labels, tolerance, 16.0, same_class=same_class)


@pytest.mark.parametrize("tolerance", [0.0, 0.3, 0.6, 1.0])
def test_near_rows_of_a_table_are_those_that_comparing_all_finds(tolerance):
    rng = np.random.default_rng(2)
    table = np.column_stack(
        [rng.normal(1e6, 1e3, 250), rng.normal(0, 1e-3, 250), rng.integers(0, 3, 250), rng.standard_cauchy(250)]
    ).astype(np.float32)
    table[100:130] = table[:30]
    labels = rng.integers(0, 2, 250).astype(np.int32)
    options = {"scale": np.array([1e3, 1e-3, 1, 1]), "categorical": [2]}
    found = near_duplicates(table, labels, tolerance, **options)
    assert found.tolist() == greedy(table, labels, tolerance, **options)


def test_planted_near_duplicates_are_found_among_images_of_many_pixels():
    rng = np.random.default_rng(3)
    originals = rng.random((60, 40, 40, 3), dtype=np.float32)
    copied = rng.integers(0, 60, 30)
    noise = rng.normal(0, 0.01, (30, 40, 40, 3)).astype(np.float32)
    images = np.concatenate([originals, originals[copied] + noise])
    labels = np.zeros(90, np.int32)
    assert near_duplicates(images, labels, 0.0105).tolist() == list(range(60))
    assert len(near_duplicates(images, labels, 0.0095)) == 90


def test_removing_near_duplicates_twice_removes_no_more():
    images, labels = digits()
    kept = near_duplicates(images, labels, 0.12, scale=16.0)
    assert 0 < len(kept) < len(images)
    assert len(near_duplicates(images[kept], labels[kept], 0.12, scale=16.0)) == len(kept)


@pytest.mark.parametrize("spread", [1e-4, 1.0, 1e4])
def test_a_sketch_never_overstates_a_distance(spread):
    rng = np.random.default_rng(4)
    points = rng.standard_t(2, (300, 100)) * spread + 5
    points[150:] = points[:150] + rng.normal(0, 1e-6 * spread, (150, 100))
    true = ((points[:, np.newaxis] - points) ** 2).sum(axis=2)
    every = np.arange(300)
    assert (Sketch(300, 100, lambda indices: points[indices]).distances(every, every) <= true).all()


LABELS = np.zeros(4, np.int32)


@pytest.mark.parametrize(
    ("labels", "tolerance", "options", "said"),
    [
        (LABELS, -0.1, {}, "tolerance -0.1; accepted: a finite distance of 0 or more"),
        (LABELS, float("nan"), {}, "tolerance nan; accepted"),
        (LABELS, float("inf"), {}, "tolerance inf; accepted"),
        (LABELS, 0.1, {"categorical": [0, 1]}, "no feature is numeric; accepted: exact duplicates"),
        (LABELS.astype(np.float32), 0.1, {}, "same_class=true needs one class for each example, not targets of dtype"),
        (np.zeros((4, 2), np.uint8), 0.1, {}, "same_class=true needs one class for each example, not several labels"),
    ],
)
def test_what_cannot_be_compared(labels, tolerance, options, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        near_duplicates(np.zeros((4, 2), np.float32), labels, tolerance, **options)
    assert "\n" not in str(caught.value)


def test_other_targets_are_compared_without_their_labels():
    features = np.array([[0.0], [0.1], [1.0]], np.float32)
    assert near_duplicates(features, np.arange(3, dtype=np.float32), 0.2, same_class=False).tolist() == [0, 2]
