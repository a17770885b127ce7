"""What a user of Horovod writes without this project: one plain script, the opponent of bench_distribution.py.

    horovodrun -np 2 python scripts/horovod_by_hand.py --data folder/of/fashion-mnist --steps 200

Trains the reference CNN on this rank's share of Fashion-MNIST, with a batch of 128 for all ranks together, and prints
the milliseconds that a step takes. The folder has the gzipped IDX files.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import gzip
import time
from pathlib import Path

import horovod.tensorflow.keras as hvd
import numpy as np
import tensorflow as tf
import tf_keras as keras

BATCH = 128
WARM_UP = 20
"""Steps that are not timed."""


def read(path: Path, header: int) -> np.ndarray:
    """Returns the bytes of a gzipped IDX file after its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def network() -> keras.Model:
    """Returns two blocks of two 3x3 convolutions and two dense layers."""
    layers = [keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255)]
    for filters in (32, 64):
        for _ in range(2):
            layers += [keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)]
            layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
        layers += [keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"), keras.layers.Dropout(0.3)]
    return keras.Sequential([*layers, keras.layers.Dense(10)])


class Clock(keras.callbacks.Callback):
    """Times the steps after the warm-up."""

    _supports_tf_logs = True

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Starts the clock after the warm-up, and reads it after each step."""
        if batch + 1 == WARM_UP:
            self.start = time.perf_counter()
        self.seconds, self.steps = time.perf_counter() - getattr(self, "start", 0), batch + 1 - WARM_UP


def main() -> None:
    """Trains, and prints the pace."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    hvd.init()
    features = read(options.data / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    labels = read(options.data / "train-labels-idx1-ubyte.gz", 8)
    batches = (
        tf.data.Dataset.from_tensor_slices((features, labels.astype(np.int32)))
        .shard(hvd.size(), hvd.rank())
        .shuffle(60_000 // hvd.size())
        .repeat()
        .batch(BATCH // hvd.size(), drop_remainder=True)
        .map(lambda image, label: (tf.cast(image, tf.float32), label), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
    model = network()
    model.compile(
        hvd.DistributedOptimizer(keras.optimizers.Adam(0.001)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    clock = Clock()
    broadcast = hvd.callbacks.BroadcastGlobalVariablesCallback(0)
    model.fit(batches, steps_per_epoch=WARM_UP + options.steps, verbose=0, callbacks=[broadcast, clock])
    if hvd.rank() == 0:
        print(f"ms a step: {1000 * clock.seconds / clock.steps:.3f}")


if __name__ == "__main__":
    main()
