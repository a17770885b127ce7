"""The tf.data input of training and evaluation, reproducible whatever the parallelism."""

import math
from typing import Literal, get_args

import numpy as np

from pipeline.data.augmentation.apply import augment
from pipeline.data.augmentation.policy import Augmentation, check
from pipeline.data.dataset import Affine, Info, Split
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.input.rows import MEMORY_LIMIT, Cache, in_memory, row_reader
from pipeline.data.input.share import share_of
from pipeline.keras import tf

__all__ = ["LastBatch", "evaluation_stream", "share_of", "steps_per_epoch", "training_stream"]

LastBatch = Literal["keep", "drop", "pad"]

_UNCHANGED = Augmentation()

AHEAD = 8
"""Batches made ahead: a number that bounds their memory, which AUTOTUNE would choose."""


def steps_per_epoch(split: Split, batch_size: int, last_batch: LastBatch = "keep") -> int:
    """Returns the batches in an epoch; a partial last one counts unless it is dropped.

    Raises:
        ValueError: When `batch_size` is below 1, `last_batch` is unknown, or no batch is left.
    """
    if batch_size < 1:
        raise ValueError(f"batch size {batch_size}; accepted: 1 or more")
    choices = get_args(LastBatch)
    if last_batch not in choices:
        raise ValueError(f"last batch {last_batch!r}; {accepted(choices)}{did_you_mean(last_batch, choices)}")
    count = len(split.labels)
    if last_batch != "drop":
        return -(-count // batch_size)
    if count < batch_size:
        raise ValueError(f"batch size {batch_size} of {count} examples, the last batch dropped; accepted: 1 to {count}")
    return count // batch_size


def training_stream(
    split: Split,
    info: Info,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    last_epoch: int,
    augmentation: Augmentation = _UNCHANGED,
    rank: int = 0,
    ranks: int = 1,
    last_batch: LastBatch = "keep",
    cache: Cache = "auto",
    memory_limit: int = MEMORY_LIMIT,
    readers: int | None = None,
) -> tf.data.Dataset:
    """Returns the batches of epochs `first_epoch` to `last_epoch - 1`, each epoch's examples shuffled as a whole.

    A batch depends only on the seed, its epoch and its place in it (and the rank), so a stream that starts late goes on
    as one that started at 0 would have, and neither the cache nor the readers change a byte.

    Args:
        split: The training part.
        info: Of its dataset.
        batch_size: Examples in a batch, of all ranks together.
        seed: Of the shuffles and the augmentation, any int64.
        first_epoch: From 0.
        last_epoch: The first epoch that is left out.
        augmentation: What to change at random.
        rank: Of the processes that share each batch, this one.
        ranks: How many they are.
        last_batch: An epoch's last batch, if partial, is kept, dropped, or padded with examples of weight 0.
        cache: Where the features are kept, as `row_reader` has it.
        memory_limit: In bytes, as `row_reader` has it.
        readers: Batches made at once; None lets tf.data choose.

    Returns:
        Batches of float32 features, and int32 classes, float32 numbers, or float32 rows (of several labels, or of
        shares of the classes when the augmentation mixes). With several ranks each gets its share of every batch, as
        many examples as the others, and weights, as `share_of` has them; with one, weights only if padded.

    Raises:
        OSError: When the features are on disk and can't be opened.
        ValueError: When an argument is out of range, or the data can't be so augmented.
    """
    steps = steps_per_epoch(split, batch_size, last_batch)
    if not 0 <= first_epoch <= last_epoch:
        raise ValueError(f"epochs {first_epoch} to {last_epoch}; accepted: a first from 0 up to the last")
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed {seed}; accepted: an int64")
    if not 0 <= rank < ranks:
        raise ValueError(f"rank {rank} of {ranks}; accepted: 0 to {max(ranks, 1) - 1}, of 1 rank or more")
    check(augmentation, info)
    read, labels = row_reader(split.features, cache, memory_limit), in_memory(split.labels)
    calls, soft = _calls(readers), augmentation.mixes
    deviations = in_memory(_deviations(info)) if info.kind == "table" else None
    # A share's size, known where every batch has it: a static shape saves Keras and tf.data work.
    size = -(-batch_size // ranks) if last_batch != "keep" or len(split.labels) % batch_size == 0 else None
    weighted = ranks > 1 or last_batch == "pad"

    def index_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(split.labels), dtype=tf.int64), epoch_seed)

        def index_batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return order[step * batch_size : (step + 1) * batch_size], epoch_seed, step

        return tf.data.Dataset.range(steps).map(index_batch)

    def batch(indices: tf.Tensor, epoch_seed: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        if weighted:
            indices, weights = share_of(indices, rank, ranks, size)
            weights = tf.ensure_shape(weights, (size,))
        indices = tf.ensure_shape(indices, (size,))
        features, targets = read(indices), _targets(tf.gather(labels, indices), info, soft)
        if augmentation.active:
            # The zeros that move into an image must be zeros of its values, not of its codes.
            features = features if split.affine is None else _decoded(features, split.affine)
            batch_seed = tf.random.experimental.stateless_fold_in(epoch_seed, step)
            if ranks > 1:
                batch_seed = tf.random.experimental.stateless_fold_in(batch_seed, tf.constant(rank, tf.int64))
            features, targets = augment(
                features, targets, batch_seed, augmentation, scale=info.scale, deviations=deviations
            )
            features = tf.cast(features, tf.float32)
        else:
            features = _decoded(features, split.affine)
        return (features, targets, weights) if weighted else (features, targets)

    epochs = tf.data.Dataset.range(first_epoch, last_epoch)
    stream = epochs.flat_map(index_batches).map(batch, num_parallel_calls=calls, deterministic=True)
    cardinality = tf.data.experimental.assert_cardinality(steps * (last_epoch - first_epoch))
    return stream.apply(cardinality).prefetch(AHEAD)


def evaluation_stream(
    split: Split,
    info: Info,
    batch_size: int,
    *,
    soft: bool = False,
    rank: int = 0,
    ranks: int = 1,
    cache: Cache = "auto",
    memory_limit: int = MEMORY_LIMIT,
    readers: int | None = None,
) -> tf.data.Dataset:
    """Returns the examples in their order, in batches of float32 features and targets.

    Args:
        split: The part.
        info: Of its dataset.
        batch_size: Examples in a batch; the last has what is left.
        soft: Whether classes are rows of shares, for a model that was trained with mixed examples.
        rank: Of the processes that share the batches out, this one.
        ranks: How many they are; where there are more than batches, each gets all of them.
        cache: As in `training_stream`, like the rest.
        memory_limit: In bytes.
        readers: Batches made at once.

    Raises:
        OSError: When the features are on disk and can't be opened.
        ValueError: When an argument is out of range.
    """
    steps, count = steps_per_epoch(split, batch_size), len(split.labels)
    read, labels = row_reader(split.features, cache, memory_limit), in_memory(split.labels)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        indices = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))
        features = _decoded(read(indices), split.affine)
        return features, _targets(tf.gather(labels, indices), info, soft)

    numbers = tf.data.Dataset.range(rank, steps, ranks) if ranks <= steps else tf.data.Dataset.range(steps)
    stream = numbers.map(batch, num_parallel_calls=_calls(readers), deterministic=True)
    return stream.prefetch(AHEAD)


def _calls(readers: int | None) -> int:
    if readers is not None and readers < 1:
        raise ValueError(f"readers {readers}; accepted: 1 or more")
    return tf.data.AUTOTUNE if readers is None else readers


def _targets(labels: tf.Tensor, info: Info, soft: bool) -> tf.Tensor:
    if info.task == "classification":
        return tf.one_hot(labels, len(info.class_names)) if soft else labels
    return tf.cast(labels, tf.float32)


def _decoded(features: tf.Tensor, affine: Affine | None) -> tf.Tensor:
    numbers = tf.cast(features, tf.float32)
    return numbers if affine is None else numbers * affine.scale + affine.offset


def _deviations(info: Info) -> np.ndarray:
    of_numeric = (math.sqrt(each.variance) if each.kind == "numeric" else 0.0 for each in info.columns)
    return np.fromiter(of_numeric, np.float32, len(info.columns))
