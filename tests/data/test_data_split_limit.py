import numpy as np
import pytest

from pipeline.data.examples import FREE, Targets
from pipeline.data.splitting.limit import limit

PARTS = np.repeat(np.array([0, 1, 2], np.int8), [60, 30, 10])


def classes(values, names=("a", "b", "c")):
    return Targets(np.asarray(values, np.int32), "classification", names)


def test_as_many_of_each_class_as_there_are():
    values = np.where(np.arange(100) % 60 < 50, 0, np.arange(100) % 2 + 1)
    left = limit(classes(values), PARTS, 12, 0)
    assert np.bincount(values[left == 0]).tolist() == [4, 4, 4]
    assert [(left == index).sum() for index in range(3)] == [12, 12, 10]
    assert set(left[left != PARTS]) == {FREE}


def test_no_class_that_training_has_lost_is_left_to_judge():
    left = limit(classes(np.arange(100) % 3), PARTS, 2, 0)
    values = np.arange(100) % 3
    assert set(values[left > 0]) <= set(values[left == 0])


def test_numbers_are_drawn_at_random_and_a_seed_repeats_the_draw():
    targets = Targets(np.arange(100, dtype=np.float32), "regression", ("y",))
    draws = [limit(targets, PARTS, 5, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert [(draws[0] == index).sum() for index in range(3)] == [5, 5, 5]


@pytest.mark.parametrize("most", [1, 3, 100])
def test_labels_that_training_has_lost_are_not_judged(most):
    rng = np.random.default_rng(0)
    targets = Targets(rng.integers(0, 2, (100, 4)).astype(np.uint8), "multi_label", tuple("abcd"))
    left = limit(targets, PARTS, most, 0)
    known = targets.values[left == 0].any(axis=0)
    assert not targets.values[left > 0][:, ~known].any()


def test_more_than_there_are_changes_nothing():
    np.testing.assert_array_equal(limit(classes(np.arange(100) % 3), PARTS, 1000, 0), PARTS)
