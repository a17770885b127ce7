"""Batches shared out among ranks and padded: nothing lost, nothing repeated, the mean loss unchanged."""

import numpy as np
import pytest

from pipeline.data.augmentation.policy import Augmentation
from pipeline.data.dataset import Column, Info, Split
from pipeline.data.stream import share_of, steps_per_epoch, training_stream
from pipeline.keras import tf

TABLE = Info("table", "classification", (1,), "float32", ("a", "b"), (Column("x", "numeric"),))
EPOCH = {"batch_size": 8, "seed": 3, "first_epoch": 1, "last_epoch": 2}


def split(count: int) -> Split:
    return Split(np.arange(count, dtype=np.float32)[:, np.newaxis], np.zeros(count, np.int32))


@pytest.mark.parametrize("size", [None, 7, 9])
@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_every_example_has_one_owner_and_all_shares_are_equally_long(count, ranks, size):
    losses = np.random.default_rng(0).normal(size=count)
    shares = [share_of(tf.range(count), rank, ranks, size) for rank in range(ranks)]
    assert {len(indices) for indices, _ in shares} == {size or -(-count // ranks)}
    owned = [int(i) for indices, weights in shares for i, w in zip(indices, weights, strict=True) if w > 0]
    assert sorted(owned) == list(range(count))
    # Keras divides the weighted sum by the number of examples, Horovod the sum over the ranks by their number.
    means = [np.mean(losses[indices.numpy()] * weights.numpy()) for indices, weights in shares]
    assert np.mean(means) == pytest.approx(losses.mean())


@pytest.mark.parametrize("last_batch", ["keep", "drop", "pad"])
@pytest.mark.parametrize("ranks", [2, 3])
def test_an_epoch_over_all_ranks_is_the_epoch_of_one(ranks, last_batch):
    alone = [batch[0].numpy().ravel() for batch in training_stream(split(25), TABLE, **EPOCH)]
    steps = steps_per_epoch(split(25), 8, last_batch)
    assert steps == {"keep": 4, "drop": 3, "pad": 4}[last_batch]
    streams = [
        list(training_stream(split(25), TABLE, **EPOCH, rank=rank, ranks=ranks, last_batch=last_batch))
        for rank in range(ranks)
    ]
    assert [len(stream) for stream in streams] == [steps] * ranks
    for step in range(steps):
        parts = [(x.numpy().ravel(), w.numpy()) for x, _, w in (stream[step] for stream in streams)]
        assert len({len(weights) for _, weights in parts}) == 1
        together = np.concatenate([values[weights > 0] for values, weights in parts])
        assert sorted(together) == sorted(alone[step])
        assert np.mean([np.mean(values * weights) for values, weights in parts]) == pytest.approx(alone[step].mean())
    if last_batch == "pad":
        assert {len(weights) for stream in streams for _, _, weights in stream} == {-(-8 // ranks)}


def test_a_padded_batch_repeats_its_start_with_weight_0():
    features, labels, weights = list(training_stream(split(11), TABLE, **EPOCH, last_batch="pad"))[-1]
    assert features.shape == (8, 1)
    assert labels.shape == weights.shape == (8,)
    np.testing.assert_array_equal(features.numpy().ravel()[3:], np.resize(features.numpy().ravel()[:3], 5))
    np.testing.assert_array_equal(weights, np.float32([8 / 3] * 3 + [0] * 5))


def test_ranks_augment_differently():
    image = np.random.default_rng(0).integers(0, 255, (1, 6, 6, 1), np.uint8)
    doubled = Split(np.repeat(image, 8, axis=0), np.zeros(8, np.int32))
    info = Info("image", "classification", (6, 6, 1), "uint8", ("a",), scale=255.0)
    options = {**EPOCH, "augmentation": Augmentation(flip=True, crop=2), "ranks": 2}
    first, second = (next(iter(training_stream(doubled, info, **options, rank=rank)))[0].numpy() for rank in (0, 1))
    assert not np.array_equal(first, second)
