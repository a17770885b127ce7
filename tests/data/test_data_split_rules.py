import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.data.splitting.cut import by_group, by_time
from pipeline.data.splitting.stratify import apportion, by_class, least_count

SHARES = [(0.7, 0.1, 0.2), (0.8, 0.1, 0.1), (0.9, 0.1), (0.34, 0.33, 0.33), (0.98, 0.01, 0.01), (0.05, 0.15, 0.8)]


def exact(counts, shares):
    return np.outer(counts, shares)


@pytest.mark.parametrize("shares", SHARES)
def test_each_class_is_within_one_example_of_its_share(shares):
    shares, rng = np.array(shares), np.random.default_rng(5)
    least = least_count(shares)
    for _ in range(120):
        counts = least + (10 ** rng.uniform(0, rng.uniform(0.1, 4), rng.integers(1, 40))).astype(int)
        table = apportion(counts, shares)
        assert (table.sum(axis=1) == counts).all()
        assert (table >= 1).all()
        assert (np.abs(table - exact(counts, shares)) < 1).all()


@pytest.mark.parametrize("shares", SHARES)
def test_parts_are_within_two_examples_of_their_share_where_no_class_is_rare(shares):
    shares, rng = np.array(shares), np.random.default_rng(6)
    enough = int(np.ceil(1 / shares.min()))
    for _ in range(120):
        counts = enough + rng.integers(0, 1000, rng.integers(1, 60))
        off = apportion(counts, shares).sum(axis=0) - counts.sum() * shares
        assert np.abs(off).max() < 2


@pytest.mark.parametrize("shares", SHARES)
def test_the_least_count_is_the_smallest_that_can_be_shared_out(shares):
    """Against every way to cut a small class."""
    shares = np.array(shares)

    def possible(count):
        ways = (
            np.array(list(np.ndindex(*[count + 1] * len(shares))))
            if len(shares) == 2
            else np.array(
                [(first, second, count - first - second) for first in range(count) for second in range(count - first)]
            )
        )
        ways = ways[ways.sum(axis=1) == count]
        within = np.abs(ways - np.round(count * shares, 9)) < 1
        return bool((within & (ways >= 1)).all(axis=1).any())

    least = least_count(shares)
    assert not any(possible(count) for count in range(1, least))
    assert all(possible(count) for count in range(least, least + 30))


def test_digits_keep_their_classes_and_each_seed_draws_others():
    labels = load_digits().target.astype(np.int32)
    names, shares = tuple("0123456789"), np.array([0.7, 0.1, 0.2])
    parts = by_class(labels, names, shares, np.random.default_rng(0))
    for part, share in enumerate(shares):
        assert (np.abs(np.bincount(labels[parts == part]) - np.bincount(labels) * share) < 1).all()
    assert (parts != by_class(labels, names, shares, np.random.default_rng(1))).any()


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("largest", [1, 5, 60])
def test_no_group_is_in_two_parts_and_sizes_are_near_the_shares(shares, largest):
    rng = np.random.default_rng(largest)
    numbers = rng.integers(-(2**62), 2**62, 150)
    groups = rng.permutation(np.repeat(numbers, rng.integers(1, largest + 1, 150)))
    parts = by_group(groups, np.array(shares), np.random.default_rng(0))
    assert all(len(set(parts[groups == group])) == 1 for group in numbers)
    sizes = np.bincount(parts, minlength=len(shares))
    assert (sizes > 0).all()
    assert (np.abs(sizes - np.array(shares) * len(groups)) <= largest).all()


def test_one_large_group_leaves_every_part_something():
    groups = np.concatenate([np.zeros(1000, np.int64), [1, 2]])
    parts = by_group(groups, np.array([0.7, 0.1, 0.2]), np.random.default_rng(0))
    assert sorted(np.bincount(parts)) == [1, 1, 1000]


def test_large_groups_are_in_every_part():
    """Filling the parts largest first would put every large group in training."""
    groups = np.repeat(np.arange(100), np.where(np.arange(100) < 50, 2, 20))
    found = np.zeros(3)
    for seed in range(50):
        parts = by_group(groups, np.array([0.6, 0.2, 0.2]), np.random.default_rng(seed))
        found += [len(set(groups[(parts == part) & (groups >= 50)])) for part in range(3)]
    np.testing.assert_allclose(found / found.sum(), [0.6, 0.2, 0.2], atol=0.05)


def test_training_is_earliest_and_the_test_part_latest():
    time = np.random.default_rng(0).permutation(100) * 0.5 - 7
    parts = by_time(time, np.array([0.7, 0.1, 0.2]))
    assert np.bincount(parts).tolist() == [70, 10, 20]
    assert time[parts == 0].max() < time[parts == 1].min()
    assert time[parts == 1].max() < time[parts == 2].min()


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ([1, 2, 3, 3, 3, 3, 3, 4, 5, 6], [0, 0, 1, 1, 1, 1, 1, 2, 2, 2]),
        ([1, 2, 3, 4, 5, 5, 5, 6, 7, 8], [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([1, 1, 1, 1, 1, 1, 1, 1, 2, 3], [0, 0, 0, 0, 0, 0, 0, 0, 1, 2]),
        ([1, 2, 3, 3, 3, 3, 3, 3, 3, 3], [0, 1, 2, 2, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_examples_of_one_time_stay_together(time, wanted):
    assert by_time(np.array(time, np.float64), np.array([0.4, 0.3, 0.3])).tolist() == wanted
