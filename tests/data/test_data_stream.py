import numpy as np
import pytest

from pipeline.data.dataset import Split
from pipeline.data.stream import evaluation_stream, steps_per_epoch, training_stream
from pipeline.keras import tf


def numbered(count, shape=(3, 4, 1)):
    """Examples that are constant images of their own number."""
    numbers = np.arange(count, dtype=np.uint8)
    return Split(np.broadcast_to(numbers.reshape(-1, *[1] * len(shape)), (count, *shape)).copy(), numbers.astype("i4"))


def stream(split, **changes):
    plain = {"batch_size": 8, "seed": 5, "first_epoch": 0, "last_epoch": 3, "flip": False, "shift": 0}
    return training_stream(split, **{**plain, **changes})


def content(dataset):
    return [(features.numpy().tobytes(), labels.numpy().tolist()) for features, labels in dataset]


@pytest.mark.parametrize(("count", "batch_size", "sizes"), [(27, 8, [8, 8, 8, 3]), (16, 8, [8, 8]), (3, 8, [3])])
def test_every_example_comes_once_an_epoch(count, batch_size, sizes):
    split = numbered(count)
    assert steps_per_epoch(split, batch_size) == len(sizes)
    batches = list(stream(split, batch_size=batch_size))
    assert [len(labels) for _, labels in batches] == sizes * 3
    orders = []
    for epoch in range(3):
        here = batches[epoch * len(sizes) : (epoch + 1) * len(sizes)]
        orders.append(np.concatenate([labels for _, labels in here]).tolist())
        assert sorted(orders[-1]) == list(range(count))
    if count > 3:
        assert len({tuple(order) for order in [*orders, list(range(count))]}) == 4


def test_batches_pair_float32_features_with_their_labels():
    dataset = stream(numbered(27))
    assert dataset.element_spec == (tf.TensorSpec((None, 3, 4, 1), tf.float32), tf.TensorSpec((None,), tf.int32))
    assert int(dataset.cardinality()) == 12
    for features, labels in dataset:
        np.testing.assert_array_equal(features[:, 1, 2, 0], labels)


@pytest.mark.parametrize(("flip", "shift"), [(False, 0), (True, 2)])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_a_late_start_goes_on_as_the_whole_stream_would(flip, shift, first):
    split = numbered(27)
    split.features[:, 0, 0] += 100
    whole = content(stream(split, flip=flip, shift=shift))
    assert content(stream(split, first_epoch=first, flip=flip, shift=shift)) == whole[4 * first :]


def test_augmentation_differs_by_batch_epoch_and_seed():
    features = np.broadcast_to(np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6, 1), (64, 5, 6, 1)).copy()
    split = Split(features, np.zeros(64, np.int32))
    found = [batch for seed in (1, 2) for batch, _ in content(stream(split, seed=seed, flip=True, shift=2))]
    assert len(set(found)) == len(found) == 2 * 3 * 8


def test_the_threads_do_not_decide():
    split = numbered(200)
    found = []
    for threads in (1, 8):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.autotune.enabled = threads > 1
        found.append(content(stream(split, batch_size=4, flip=True, shift=1).with_options(options)))
    assert found[0] == found[1]


def test_tables_stream_too():
    table = Split(np.arange(20, dtype=np.float32).reshape(10, 2), np.arange(10, dtype=np.int32))
    for features, labels in stream(table, batch_size=4):
        np.testing.assert_array_equal(features[:, 0], 2 * labels)


def test_evaluation_keeps_the_order():
    dataset = evaluation_stream(numbered(11), 4)
    batches = list(dataset)
    assert int(dataset.cardinality()) == len(batches) == 3
    assert [labels.numpy().tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert all(features.dtype == tf.float32 and features.shape[1:] == (3, 4, 1) for features, _ in batches)
    np.testing.assert_array_equal(np.concatenate([features[:, 0, 0, 0] for features, _ in batches]), np.arange(11))


def functions(dataset):
    return [*dataset._functions(), *(function for source in dataset._inputs() for function in functions(source))]


def test_no_array_is_copied_into_the_graph():
    features = np.zeros((500, 40, 40, 1), np.uint8)
    split = Split(features, np.zeros(500, np.int32))
    for dataset in (stream(split), evaluation_stream(split, 8)):
        sizes = [function.function.graph.as_graph_def().ByteSize() for function in functions(dataset)]
        assert sizes
        assert max(sizes) < 100_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch size 0; accepted: 1 or more"),
        ({"first_epoch": 4}, "epochs 4 to 3; accepted: a first from 0 up to the last"),
        ({"first_epoch": -1}, "epochs -1 to 3; accepted"),
        ({"seed": 2**63}, "seed 9223372036854775808; accepted: an int64"),
        ({"shift": 3}, r"shift 3 of images of shape \(3, 4, 1\); accepted: 0 to 2"),
        ({"shift": -1}, "shift -1 of images .*; accepted: 0 to 2"),
    ],
)
def test_bad_arguments(changes, said):
    with pytest.raises(ValueError, match=said) as caught:
        stream(numbered(9), **changes)
    assert "\n" not in str(caught.value)


def test_tables_cannot_be_augmented():
    table = Split(np.zeros((10, 2), np.float32), np.zeros(10, np.int32))
    with pytest.raises(ValueError, match=r"can't be augmented; accepted: \(batch, h, w, c\)") as caught:
        stream(table, flip=True)
    assert "\n" not in str(caught.value)
