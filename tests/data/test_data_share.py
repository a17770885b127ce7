"""Batches shared out among ranks: nothing lost, nothing repeated, the mean loss unchanged."""

import numpy as np
import pytest

from pipeline.data.dataset import Split
from pipeline.data.stream import share_of, steps_per_epoch, training_stream
from pipeline.keras import tf


def split(count: int) -> Split:
    return Split(np.arange(count, dtype=np.float32)[:, np.newaxis], np.zeros(count, np.int32))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_every_example_has_one_owner_and_all_shares_are_equally_long(count, ranks):
    losses = np.random.default_rng(0).normal(size=count)
    shares = [share_of(tf.range(count), rank, ranks) for rank in range(ranks)]
    assert len({len(indices) for indices, _ in shares}) == 1
    owned = [int(i) for indices, weights in shares for i, w in zip(indices, weights, strict=True) if w > 0]
    assert sorted(owned) == list(range(count))
    # Keras divides the weighted sum by the number of examples, Horovod the sum over the ranks by their number.
    means = [np.mean(losses[indices.numpy()] * weights.numpy()) for indices, weights in shares]
    assert np.mean(means) == pytest.approx(losses.mean())


@pytest.mark.parametrize("ranks", [2, 3])
def test_an_epoch_over_all_ranks_is_the_epoch_of_one(ranks):
    options = {"batch_size": 8, "seed": 3, "first_epoch": 1, "last_epoch": 2, "flip": False, "shift": 0}
    alone = [batch[0].numpy().ravel() for batch in training_stream(split(29), **options)]
    streams = [list(training_stream(split(29), **options, rank=rank, ranks=ranks)) for rank in range(ranks)]
    assert [len(stream) for stream in streams] == [steps_per_epoch(split(29), 8)] * ranks
    for step, whole in enumerate(alone):
        parts = [(x.numpy().ravel(), w.numpy()) for x, _, w in (stream[step] for stream in streams)]
        together = np.concatenate([values[weights > 0] for values, weights in parts])
        assert sorted(together) == sorted(whole)


def test_ranks_augment_differently():
    images = Split(np.random.default_rng(0).integers(0, 255, (8, 6, 6, 1), np.uint8), np.zeros(8, np.int32))
    doubled = Split(np.repeat(images.features[:1], 8, axis=0), images.labels)
    options = {"batch_size": 8, "seed": 3, "first_epoch": 0, "last_epoch": 1, "flip": True, "shift": 2}
    first, second = (next(iter(training_stream(doubled, **options, rank=rank, ranks=2)))[0].numpy() for rank in (0, 1))
    assert not np.array_equal(first, second)
