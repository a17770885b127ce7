import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.dataset import PARTS, Split
from pipeline.data.examples import Examples
from pipeline.data.sources.breast_cancer import load_breast_cancer
from pipeline.data.sources.digits import load_digits
from pipeline.data.split import split


def numbered(counts, test=None):
    """Examples whose one feature is their number, `counts[i]` of class i."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    features = np.arange(len(labels), dtype=np.float32)[:, np.newaxis]
    names = tuple("abcdefghij"[: len(counts)])
    return Examples(features, labels, names, ("number",), "table", 1.0, test)


@pytest.mark.parametrize("counts", [(100, 50, 10), (7, 300, 33, 41), (20, 20)])
def test_parts_are_stratified_and_disjoint(counts):
    examples = numbered(counts)
    dataset = split(examples, validation=0.2, test=0.15, seed=3)
    total = sum(counts)
    sizes = {"validation": round(0.2 * total), "test": round(0.15 * total)}
    sizes["train"] = total - sum(sizes.values())
    numbers = [getattr(dataset, part).features[:, 0] for part in PARTS]
    assert sorted(np.concatenate(numbers)) == list(range(total))
    left = np.array(counts)
    for part in ("test", "validation"):
        here: Split = getattr(dataset, part)
        assert len(here.labels) == sizes[part]
        found = np.bincount(here.labels)
        assert (np.abs(found - left * sizes[part] / left.sum()) < 1).all()
        left = left - found
    for part in PARTS:
        here = getattr(dataset, part)
        np.testing.assert_array_equal(here.labels, examples.labels[here.features[:, 0].astype(int)])


def test_digits_keep_each_class_within_one_example():
    examples = load_digits()
    dataset = split(examples, validation=0.1, test=0.2, seed=0)
    counts = np.bincount(examples.labels)
    for part, share in [("train", 0.7), ("validation", 0.1), ("test", 0.2)]:
        assert np.abs(np.bincount(getattr(dataset, part).labels) - counts * share).max() <= 1.05
    assert dataset.info.mean == dataset.info.variance == ()
    assert (dataset.info.kind, dataset.info.feature_shape, dataset.info.dtype) == ("image", (8, 8, 1), "uint8")
    assert dataset.info.scale == 16.0


def test_the_seed_decides():
    def order(seed):
        dataset = split(numbered((60, 40)), validation=0.2, test=0.2, seed=seed)
        return [getattr(dataset, part).features[:, 0].tolist() for part in PARTS]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_predefined_test_part_is_kept():
    test = Split(np.full((3, 1), -1, np.float32), np.zeros(3, np.int32))
    dataset = split(numbered((60, 40), test), validation=0.1, test=0.9, seed=1)
    assert dataset.test is test
    assert np.bincount(dataset.validation.labels).tolist() == [6, 4]
    assert np.bincount(dataset.train.labels).tolist() == [54, 36]


def test_statistics_are_of_the_training_part_only():
    dataset = split(load_breast_cancer(), validation=0.2, test=0.2, seed=5)
    train = dataset.train.features.astype(np.float64)
    np.testing.assert_allclose(dataset.info.mean, train.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dataset.info.variance, train.var(axis=0), rtol=1e-12)
    whole = load_breast_cancer().features.astype(np.float64).mean(axis=0)
    assert (np.array(dataset.info.mean) != whole).all()


def test_a_constant_column_has_variance_one():
    examples = numbered((60, 40))
    features = np.concatenate([examples.features, np.full((100, 1), 0.1, np.float32)], axis=1)
    info = split(replace(examples, features=features), validation=0.2, test=0.2, seed=0).info
    assert info.variance[1] == 1.0
    assert info.mean[1] == float(np.float32(0.1))


def test_statistics_are_accumulated_in_double():
    examples = numbered((500, 500))
    features = (1e6 + examples.features % 2).astype(np.float32)
    info = split(replace(examples, features=features), validation=0.2, test=0.2, seed=0).info
    assert info.mean[0] == pytest.approx(1e6 + 0.5, abs=0.05)
    assert info.variance[0] == pytest.approx(0.25, abs=0.01)


PREDEFINED = Split(np.zeros((3, 1), np.float32), np.zeros(3, np.int32))


@pytest.mark.parametrize(
    ("examples", "validation", "test", "said"),
    [
        (numbered((50, 50)), 0, 0.1, "validation share 0; accepted: more than 0 and less than 1"),
        (numbered((50, 50)), 0.1, 1.0, "test share 1.0; accepted: more than 0 and less than 1"),
        (numbered((50, 50)), float("nan"), 0.1, "validation share nan; accepted"),
        (numbered((50, 50)), 0.5, 0.5, "test share 0.5 and validation share 0.5: none of 100 examples left"),
        (numbered((50, 50)), 0.7, 0.6, "none of 100 examples left to train on; accepted: less than 1 in all"),
        (numbered((50, 50)), 0.001, 0.1, "validation share 0.001: 0 of 100 examples; accepted: 2 or more"),
        (numbered((50, 50)), 0.1, 0.01, "test share 0.01: 1 of 100 examples; accepted: 2 or more"),
        (numbered((50, 50)), 0.5, 0.49, "train: 1 of 100 examples; accepted: 2 or more"),
        (numbered((50, 50), PREDEFINED), 0.995, 0, "validation share 0.995: none of 100 examples left"),
        (numbered((50, 2, 50)), 0.2, 0.2, "class 'b' has too few examples, 2, for each of 3 parts"),
        (numbered((50, 0, 50)), 0.2, 0.2, "class 'b' has too few examples, 0, for each of 3 parts"),
        (numbered((50, 50, 1), PREDEFINED), 0.2, 0, "class 'c' has too few examples, 1, for each of 2 parts"),
        (numbered((96, 4)), 0.05, 0.05, "class 'b' has too few examples, 4, for each of 3 parts"),
    ],
)
def test_bad_shares_and_rare_classes(examples, validation, test, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        split(examples, validation=validation, test=test, seed=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match=f"seed {seed}; accepted: 0 to 4294967295"):
        split(numbered((9, 9)), validation=0.3, test=0.3, seed=seed)
