"""The training input: what a batch holds, and what it does not depend on."""

import numpy as np
import pytest

from pipeline.data.augmentation.policy import Augmentation
from pipeline.data.dataset import Affine, Column, Info, Split
from pipeline.data.stream import evaluation_stream, steps_per_epoch, training_stream
from pipeline.keras import tf

SHAPE = (5, 6, 1)


def info_of(split, task="classification", classes=256):
    shape, names = split.features.shape[1:], tuple(map(str, range(classes)))
    if len(shape) == 3:
        return Info("image", task, shape, str(split.features.dtype), names, scale=255.0)
    columns = (Column("x", "numeric", variance=4.0), Column("c", "categorical", ("u",)))
    return Info("table", task, shape, str(split.features.dtype), names, columns)


def numbered(count, shape=SHAPE):
    """Examples that are constant images of their own number."""
    numbers = np.arange(count, dtype=np.uint8)
    return Split(np.broadcast_to(numbers.reshape(-1, *[1] * len(shape)), (count, *shape)).copy(), numbers.astype("i4"))


def noisy(count, shape=SHAPE):
    return Split(
        np.random.default_rng(1).integers(1, 256, (count, *shape), np.uint8), np.arange(count, dtype=np.int32) % 256
    )


def stream(split, info=None, **changes):
    plain = {"batch_size": 8, "seed": 5, "first_epoch": 0, "last_epoch": 3}
    return training_stream(split, info or info_of(split), **{**plain, **changes})


def mapped(split, folder):
    """The same part with its features in a file."""
    np.save(folder / "features.npy", split.features)
    return Split(np.load(folder / "features.npy", mmap_mode="r"), split.labels, split.affine)


def content(dataset):
    return [tuple(tensor.numpy().tobytes() for tensor in batch) for batch in dataset]


FLIP_CROP = Augmentation(flip=True, crop=2)


@pytest.mark.parametrize(
    ("count", "batch_size", "last_batch", "sizes"),
    [
        (27, 8, "keep", [8, 8, 8, 3]),
        (16, 8, "keep", [8, 8]),
        (3, 8, "keep", [3]),
        (27, 8, "drop", [8, 8, 8]),
        (16, 8, "drop", [8, 8]),
        (27, 8, "pad", [8, 8, 8, 8]),
        (3, 8, "pad", [8]),
    ],
)
def test_every_example_comes_at_most_once_an_epoch(count, batch_size, last_batch, sizes):
    split = numbered(count)
    assert steps_per_epoch(split, batch_size, last_batch) == len(sizes)
    dataset = stream(split, batch_size=batch_size, last_batch=last_batch)
    batches = list(dataset)
    assert int(dataset.cardinality()) == len(batches)
    assert [len(batch[1]) for batch in batches] == sizes * 3
    orders = []
    for epoch in range(3):
        here = batches[epoch * len(sizes) : (epoch + 1) * len(sizes)]
        weights = [batch[2].numpy() if last_batch == "pad" else np.ones(len(batch[1])) for batch in here]
        numbers = np.concatenate([batch[1] for batch in here])[np.concatenate(weights) > 0].tolist()
        assert len(set(numbers)) == len(numbers) == (sum(sizes) if last_batch == "drop" else count)
        assert set(numbers) <= set(range(count))
        orders.append(numbers)
    if count > 3:
        assert len({tuple(order) for order in [*orders, list(range(count))]}) == 4


def test_batches_pair_float32_features_with_their_labels():
    dataset = stream(numbered(27))
    assert dataset.element_spec == (tf.TensorSpec((None, *SHAPE), tf.float32), tf.TensorSpec((None,), tf.int32))
    for features, labels in dataset:
        np.testing.assert_array_equal(features[:, 1, 2, 0], labels)


@pytest.mark.parametrize("changes", [{"last_batch": "drop"}, {"last_batch": "pad"}, {"batch_size": 9}])
def test_batches_of_one_size_say_it(changes):
    size = changes.get("batch_size", 8)
    assert all(spec.shape[0] == size for spec in stream(numbered(27), **changes).element_spec)


@pytest.mark.parametrize("augmentation", [Augmentation(), FLIP_CROP, Augmentation(mixup=0.4)], ids=["no", "fc", "mix"])
@pytest.mark.parametrize("last_batch", ["keep", "pad"])
def test_a_late_start_goes_on_as_the_whole_stream_would(augmentation, last_batch):
    whole = content(stream(noisy(27), augmentation=augmentation, last_batch=last_batch))
    for first in (1, 3):
        late = stream(noisy(27), augmentation=augmentation, last_batch=last_batch, first_epoch=first)
        assert content(late) == whole[4 * first :]


@pytest.mark.parametrize("augmentation", [FLIP_CROP, Augmentation(mixup=0.4)], ids=["fc", "mix"])
def test_neither_readers_nor_cache_decide(augmentation, tmp_path):
    split = noisy(70)
    in_file = mapped(split, tmp_path)
    expected = content(stream(split, augmentation=augmentation, last_epoch=2, readers=1))
    for readers in (1, 2, 4, 8):
        for cache in ("memory", "disk"):
            found = stream(in_file, augmentation=augmentation, last_epoch=2, readers=readers, cache=cache)
            assert content(found) == expected


def test_the_threads_do_not_decide():
    found = []
    for threads in (1, 8):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.autotune.enabled = threads > 1
        dataset = stream(noisy(200), batch_size=4, augmentation=FLIP_CROP)
        found.append(content(dataset.with_options(options)))
    assert found[0] == found[1]


def test_augmentation_differs_by_batch_epoch_and_seed():
    features = np.broadcast_to(np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6, 1), (64, 5, 6, 1)).copy()
    split = Split(features, np.zeros(64, np.int32))
    found = [batch for seed in (1, 2) for batch, _ in content(stream(split, seed=seed, augmentation=FLIP_CROP))]
    assert len(set(found)) == len(found) == 2 * 3 * 8


@pytest.mark.parametrize("seed", [-(2**63), -1, 2**40, 2**63 - 1])
def test_any_int64_is_a_seed(seed):
    assert content(stream(numbered(27), seed=seed)) != content(stream(numbered(27), seed=seed ^ 1))


@pytest.mark.parametrize("cache", ["memory", "disk"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "bfloat16"])
def test_features_of_any_stored_dtype_arrive_as_float32(dtype, cache, tmp_path):
    stored = numbered(27).features.astype(tf.dtypes.as_dtype(dtype).as_numpy_dtype)
    file = np.memmap(tmp_path / "features", stored.dtype, "w+", offset=64, shape=stored.shape)
    file[:] = stored
    split = Split(file, np.arange(27, dtype=np.int32))
    for augmentation in (Augmentation(), Augmentation(flip=True)):
        for features, labels in stream(split, info_of(numbered(1)), cache=cache, augmentation=augmentation):
            assert features.dtype == tf.float32
            np.testing.assert_array_equal(features[:, 0, 0, 0], labels)


def test_a_slice_of_a_file_is_read_where_it_lies(tmp_path):
    whole = mapped(noisy(40), tmp_path)
    part = Split(whole.features[7:30], whole.labels[7:30])
    for features, labels in stream(part, cache="disk"):
        np.testing.assert_array_equal(features, whole.features[labels.numpy()])


def test_narrowed_features_are_decoded_and_cropped_to_real_zeros():
    codes = np.full((4, *SHAPE), 100, np.uint8)
    split = Split(codes, np.zeros(4, np.int32), Affine(np.float32(0.5), np.float32(-10)))
    for dataset in (stream(split), evaluation_stream(split, info_of(split), 4)):
        assert {float(value) for features, _ in dataset for value in np.unique(features)} == {40.0}
    cropped = stream(split, augmentation=Augmentation(crop=2))
    assert {float(value) for features, _ in cropped for value in np.unique(features)} == {0.0, 40.0}


LABELS = {
    "classification": (np.arange(20, dtype=np.int32) % 3, tf.int32),
    "regression": (np.linspace(-1, 1, 20, dtype=np.float32), tf.float32),
    "multi_label": (np.arange(60).reshape(20, 3).astype(np.uint8) % 2, tf.float32),
}


@pytest.mark.parametrize("task", LABELS)
def test_targets_by_task(task):
    labels, dtype = LABELS[task]
    split = Split(np.arange(40, dtype=np.float32).reshape(20, 2), labels)
    info = info_of(split, task, classes=3)
    for dataset in (stream(split, info), evaluation_stream(split, info, 8)):
        assert dataset.element_spec[1].dtype == dtype
        for features, targets in dataset:
            np.testing.assert_array_equal(targets, labels[features[:, 0].numpy().astype(int) // 2])


@pytest.mark.parametrize("task", LABELS)
def test_mixed_targets_and_soft_ones_are_float32(task):
    labels = LABELS[task][0]
    split = Split(np.ones((20, 2), np.float32), labels)
    info = info_of(split, task, classes=3)
    rows = np.eye(3, dtype=np.float32)[labels] if task == "classification" else labels.astype(np.float32)
    batches = list(stream(split, info, augmentation=Augmentation(mixup=0.3)))
    assert all(targets.dtype == tf.float32 and targets.shape[1:] == rows.shape[1:] for _, targets in batches)
    assert any(not np.isin(targets, rows).all() for _, targets in batches)
    if task == "classification":
        for _, targets in batches:
            np.testing.assert_allclose(tf.reduce_sum(targets, 1), 1, atol=1e-6)
    _, soft = next(iter(evaluation_stream(split, info, 20, soft=True)))
    np.testing.assert_array_equal(soft, rows)


def test_noise_is_in_deviations_of_numeric_columns():
    split = Split(np.tile(np.int16([[7, 1]]), (4000, 1)), np.zeros(4000, np.int32))
    dataset = stream(split, batch_size=4000, last_epoch=1, augmentation=Augmentation(noise=0.1))
    ((features, _),) = [(features.numpy(), labels) for features, labels in dataset]
    assert set(features[:, 1]) == {1.0}
    # A standard deviation of 0.1 * sqrt(4.0); estimated from 4,000 draws it is within 5 of its errors of 1.1 %.
    assert features[:, 0].std() == pytest.approx(0.2, rel=0.056)


def test_evaluation_keeps_the_order(tmp_path):
    split = mapped(numbered(11), tmp_path)
    for cache in ("memory", "disk"):
        dataset = evaluation_stream(split, info_of(split), 4, cache=cache, readers=2)
        batches = list(dataset)
        assert int(dataset.cardinality()) == len(batches) == 3
        assert [labels.numpy().tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
        assert all(features.dtype == tf.float32 and features.shape[1:] == SHAPE for features, _ in batches)
        np.testing.assert_array_equal(np.concatenate([features[:, 0, 0, 0] for features, _ in batches]), np.arange(11))


def functions(dataset):
    return [*dataset._functions(), *(function for source in dataset._inputs() for function in functions(source))]


def test_no_array_is_copied_into_the_graph():
    split = Split(np.zeros((500, 40, 40, 1), np.uint8), np.zeros(500, np.int32))
    for dataset in (stream(split), evaluation_stream(split, info_of(split), 8)):
        sizes = [function.function.graph.as_graph_def().ByteSize() for function in functions(dataset)]
        assert sizes
        assert max(sizes) < 100_000


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_ranks_share_out_what_is_judged(ranks):
    split = numbered(35)
    shares = [
        [
            int(label)
            for _, labels in evaluation_stream(split, info_of(split), 8, rank=rank, ranks=ranks)
            for label in labels
        ]
        for rank in range(ranks)
    ]
    assert all(shares)
    assert sorted(label for share in shares for label in share) == list(range(35))


def test_ranks_that_are_more_than_batches_judge_all_of_them():
    split = numbered(9)
    for rank in range(3):
        batches = [
            labels.numpy().tolist() for _, labels in evaluation_stream(split, info_of(split), 8, rank=rank, ranks=3)
        ]
        assert batches == [list(range(8)), [8]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch size 0; accepted: 1 or more"),
        ({"batch_size": 10, "last_batch": "drop"}, "batch size 10 of 9 examples, .* dropped; accepted: 1 to 9"),
        ({"last_batch": "padd"}, "last batch 'padd'; accepted: keep, drop, pad; did you mean pad?"),
        ({"first_epoch": 4}, "epochs 4 to 3; accepted: a first from 0 up to the last"),
        ({"first_epoch": -1}, "epochs -1 to 3; accepted"),
        ({"seed": 2**63}, "seed 9223372036854775808; accepted: an int64"),
        ({"rank": 2, "ranks": 2}, "rank 2 of 2; accepted: 0 to 1, of 1 rank or more"),
        ({"rank": -1}, "rank -1 of 1; accepted: 0 to 0"),
        ({"ranks": 0}, "rank 0 of 0; accepted: 0 to 0"),
        ({"cache": "dsk"}, "cache 'dsk'; accepted: auto, memory, disk; did you mean disk?"),
        ({"cache": "disk"}, "cache 'disk' of features that are in no file of their own; accepted: auto, memory"),
        ({"memory_limit": -1}, "memory limit of -1 bytes; accepted: 0 or more"),
        ({"readers": 0}, "readers 0; accepted: 1 or more"),
        ({"augmentation": Augmentation(crop=5)}, "crop 5; accepted: 0 to 4"),
        ({"augmentation": Augmentation(noise=0.1)}, "noise 0.1 can't be done to images; accepted"),
    ],
)
def test_bad_arguments(changes, said):
    with pytest.raises(ValueError, match=said) as caught:
        stream(numbered(9), **changes)
    assert "\n" not in str(caught.value)
