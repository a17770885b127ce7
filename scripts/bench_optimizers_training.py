"""What the optimizers mean for a whole model: a CNN on Fashion-MNIST.

    python scripts/bench_optimizers_training.py --data folder/of/fashion-mnist            # seconds an epoch
    python scripts/bench_optimizers_training.py --data folder/of/fashion-mnist --states   # accuracy by type of state

The first trains the network of the fashion_mnist experiment with tf_keras's optimizer and with ours, some steps of each
in turn, and prints what an epoch of 60,000 images would take. The second trains a smaller one to the end, with several
seeds, with Adam's state in float32, bfloat16 and int8. The folder has the gzipped IDX files.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.data.dataset import Info, Split
from pipeline.data.sources.idx import load_idx
from pipeline.data.stream import evaluation_stream, training_stream
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.optimizers import SGD, Adam
from pipeline.optimizers.slots import STATE_DTYPES
from pipeline.training.determinism import start

BATCH = 128
IMAGES = 60_000
SIDES: dict[str, Callable[[], Any]] = {
    "Adam, tf_keras": lambda: keras.optimizers.Adam(0.001),
    "Adam, ours": lambda: Adam(0.001),
    "SGD with momentum, tf_keras": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "SGD with momentum, ours": lambda: SGD(0.01, momentum=0.9),
}


def read(folder: Path) -> tuple[Split, Split, Info]:
    """Returns the training part, the test part and what both are."""
    images = load_idx(folder, [str(each) for each in range(10)])
    info = Info("image", "classification", images.features.shape[1:], "uint8", images.targets.names, scale=images.scale)
    labels = images.targets.values
    return Split(images.features[:IMAGES], labels[:IMAGES]), Split(images.features[IMAGES:], labels[IMAGES:]), info


def network(info: Info, optimizer: Any, filters: list[int], units: int) -> keras.Model:
    """Returns a compiled CNN."""
    features, scaled = image_input(info.feature_shape, scale=info.scale)
    model = cnn(features, scaled, 10, filters=filters, units=units, dropout=0.2)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return model


def batches(train: Split, info: Info, seed: int, epochs: int) -> tf.data.Dataset:
    """Returns the training input."""
    return training_stream(train, info, batch_size=BATCH, seed=seed, first_epoch=0, last_epoch=epochs)


def seconds_an_epoch(train: Split, info: Info, steps: int, repeats: int) -> None:
    """Times the sides in turn and prints the medians."""
    start(0)
    models = {name: network(info, make(), [32, 64], 128) for name, make in SIDES.items()}
    found: dict[str, list[float]] = {name: [] for name in models}
    for repeat, (name, model) in itertools.product(range(repeats + 1), models.items()):
        data = batches(train, info, repeat, 1).take(steps)
        began = time.perf_counter()
        model.fit(data, epochs=1, verbose=0)
        if repeat:  # the first one traces
            found[name].append((time.perf_counter() - began) / steps * IMAGES / BATCH)
    print(f"{'seconds an epoch':<30} {'median':>7}  {'range':>16}  ratio to tf_keras")
    for name, times in found.items():
        stock = found[f"{name.split(',')[0]}, tf_keras"]
        span = f"{min(times):.1f} to {max(times):.1f}"
        ratio = statistics.median(stock) / statistics.median(times)
        print(f"{name:<30} {statistics.median(times):>7.1f}  {span:>16}  {ratio:.2f}")


def accuracy_by_state(train: Split, test: Split, info: Info, epochs: int, seeds: int) -> None:
    """Trains with each type of state and each seed, and prints accuracy and bytes."""
    print(f"{'state of Adam':<14} {'bytes':>10}  test accuracy, % (mean; each seed)")
    for dtype in STATE_DTYPES:
        found = []
        for seed in range(seeds):
            start(seed)
            rate = keras.optimizers.schedules.CosineDecay(0.002, epochs * -(-IMAGES // BATCH))
            model = network(info, Adam(rate, state_dtype=dtype), [16, 32], 64)
            model.fit(batches(train, info, seed, epochs), epochs=epochs, steps_per_epoch=-(-IMAGES // BATCH), verbose=0)
            found.append(100 * model.evaluate(evaluation_stream(test, info, 512), verbose=0)[1])
        kept = sum(model.optimizer.memory().values())
        print(
            f"{dtype:<14} {kept:>10,}  {statistics.mean(found):.2f}; " + " ".join(f"{each:.2f}" for each in found),
            flush=True,
        )


def main() -> None:
    """Runs one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("FASHION_MNIST")
    parser.add_argument("--data", type=Path, default=data, required=data is None, help="folder of the four IDX files")
    parser.add_argument("--states", action="store_true", help="accuracy by type of state instead of seconds an epoch")
    parser.add_argument("--steps", type=int, default=60, help="of each timing (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is timed (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each training with --states (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings with each type (default: %(default)s)")
    options = parser.parse_args()
    train, test, info = read(options.data)
    if options.states:
        accuracy_by_state(train, test, info, options.epochs, options.seeds)
    else:
        seconds_an_epoch(train, info, options.steps, options.repeats)


if __name__ == "__main__":
    main()
