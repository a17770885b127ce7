"""The tf.data input of training and evaluation, reproducible whatever the parallelism."""

from pipeline.data.augmentation import augment, check_augmentable
from pipeline.data.dataset import Split
from pipeline.keras import tf


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Returns the batches in an epoch, a partial last one included.

    Raises:
        ValueError: When `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch size {batch_size}; accepted: 1 or more")
    return -(-len(split.labels) // batch_size)


def training_stream(
    split: Split,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    last_epoch: int,
    flip: bool,
    shift: int,
    rank: int = 0,
    ranks: int = 1,
) -> tf.data.Dataset:
    """Returns the batches of epochs `first_epoch` to `last_epoch - 1`, each epoch's examples shuffled as a whole.

    A batch depends only on the seed, its epoch and its place in it, so a stream that starts late goes on as one that
    started at 0 would have.

    Args:
        split: The training part.
        batch_size: Examples in a batch; an epoch's last batch has what is left.
        seed: Of the shuffles and the augmentation, any int64.
        first_epoch: From 0.
        last_epoch: The first epoch that is left out.
        flip: As in `augment`.
        shift: As in `augment`.
        rank: Of the processes that share each batch, this one.
        ranks: How many they are.

    Returns:
        Batches of float32 features and int32 labels. With several ranks, each gets its share of every batch, as many
        examples as the others, and weights: averaged over the ranks, the weighted mean losses are the mean loss of the
        whole batch. A share that is one short is filled up with an example of weight 0.

    Raises:
        ValueError: When an argument is out of range, or tables are to be augmented.
    """
    steps = steps_per_epoch(split, batch_size)
    if not 0 <= first_epoch <= last_epoch:
        raise ValueError(f"epochs {first_epoch} to {last_epoch}; accepted: a first from 0 up to the last")
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed {seed}; accepted: an int64")
    augmented = flip or shift != 0
    if augmented:
        check_augmentable(split.features.shape, shift)
    features, labels = _tensors(split)

    def index_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(split.labels), dtype=tf.int64), epoch_seed)

        def index_batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch_seed = tf.random.experimental.stateless_fold_in(epoch_seed, step)
            if ranks > 1:
                batch_seed = tf.random.experimental.stateless_fold_in(batch_seed, tf.constant(rank, tf.int64))
            return order[step * batch_size : (step + 1) * batch_size], batch_seed

        return tf.data.Dataset.range(steps).map(index_batch)

    def batch(whole: tf.Tensor, batch_seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        indices, weights = share_of(whole, rank, ranks)
        images = tf.gather(features, indices)
        if augmented:
            images = augment(images, batch_seed, flip=flip, shift=shift)
        examples = tf.cast(images, tf.float32), tf.gather(labels, indices)
        return examples if ranks == 1 else (*examples, weights)

    epochs = tf.data.Dataset.range(first_epoch, last_epoch)
    stream = epochs.flat_map(index_batches).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    cardinality = tf.data.experimental.assert_cardinality(steps * (last_epoch - first_epoch))
    return stream.apply(cardinality).prefetch(tf.data.AUTOTUNE)


def share_of(batch: tf.Tensor, rank: int, ranks: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns one rank's examples of a batch and their weights.

    Args:
        batch: Indices of examples, of shape (n,).
        rank: From 0.
        ranks: How many share the batch; every example goes to one of them.

    Returns:
        Indices and float32 weights, each of shape (ceil(n / ranks),).
    """
    count = tf.shape(batch)[0]
    size = (count + ranks - 1) // ranks
    own = batch[rank::ranks]
    missing = size - tf.shape(own)[0]
    weight = tf.cast(size * ranks, tf.float32) / tf.cast(count, tf.float32)
    weights = tf.concat([tf.fill([size - missing], weight), tf.zeros([missing])], axis=0)
    return tf.concat([own, tf.repeat(batch[:1], missing)], axis=0), weights


def evaluation_stream(split: Split, batch_size: int) -> tf.data.Dataset:
    """Returns the examples in their order, in batches of float32 features and int32 labels.

    Raises:
        ValueError: When `batch_size` is below 1.
    """
    steps = steps_per_epoch(split, batch_size)
    features, labels = _tensors(split)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        here = slice(step * batch_size, (step + 1) * batch_size)
        return tf.cast(features[here], tf.float32), labels[here]

    stream = tf.data.Dataset.range(steps).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return stream.prefetch(tf.data.AUTOTUNE)


def _tensors(split: Split) -> tuple[tf.Tensor, tf.Tensor]:
    # Eager tensors are captured by reference; arrays would be copied into each graph, which can't exceed 2 GB.
    with tf.device("/CPU:0"):
        return tf.constant(split.features), tf.constant(split.labels)
