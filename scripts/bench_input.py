"""Images a second of the training input beside a per-image `map`, in turn, in one go.

    python scripts/bench_input.py --data folder/of/fashion-mnist

The folder, or the environment variable FASHION_MNIST, has the gzipped IDX files of Fashion-MNIST. All but the last
mirror each image left to right with probability 0.5 and crop it at random from the image padded by 2 pixels.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.data.augmentation.policy import Augmentation
from pipeline.data.dataset import Info, Split
from pipeline.data.sources.idx import load_idx
from pipeline.data.stream import training_stream
from pipeline.keras import tf

PAD = 2
WARM_UP = 20


def read(folder: Path) -> tuple[Split, Info]:
    """Returns the 60,000 training images and the 10,000 test images as one part."""
    images = load_idx(folder, [str(each) for each in range(10)])
    info = Info("image", "classification", images.features.shape[1:], "uint8", images.targets.names, scale=images.scale)
    return Split(images.features, images.targets.values), info


def changed(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrors and crops one image, as tutorials do."""
    padded = tf.pad(tf.image.random_flip_left_right(image), [[PAD, PAD], [PAD, PAD], [0, 0]])
    return tf.image.random_crop(padded, image.shape), label


def per_image(split: Split, batch: int, *, parallel: bool) -> tf.data.Dataset:
    """Returns the usual input: a small shuffle buffer, a `map` over images, then batches."""
    examples = tf.data.Dataset.from_tensor_slices((split.features.astype(np.float32) / 255, split.labels))
    mapped = examples.shuffle(10_000).map(changed, num_parallel_calls=tf.data.AUTOTUNE if parallel else None)
    batches = mapped.batch(batch)
    return batches.prefetch(tf.data.AUTOTUNE) if parallel else batches


def ours(split: Split, info: Info, batch: int, augmentation: Augmentation) -> tf.data.Dataset:
    """Returns this project's input."""
    return training_stream(
        split, info, batch_size=batch, seed=0, first_epoch=0, last_epoch=1000, augmentation=augmentation
    )


def rate(make: Callable[[], tf.data.Dataset], seconds: float) -> float:
    """Returns the images a second of a new stream, its first batches left out."""
    batches = iter(make().repeat())
    for _ in range(WARM_UP):
        next(batches)
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        images += len(next(batches)[1])
    found = images / (time.perf_counter() - start)
    # Its threads would go on filling its buffers while the next one is timed.
    del batches
    gc.collect()
    return found


def main() -> None:
    """Times each input in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("FASHION_MNIST")
    parser.add_argument("--data", type=Path, default=data, required=data is None, help="folder of the four IDX files")
    parser.add_argument("--batch", type=int, default=128, help="images in a batch (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each timing (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is timed (default: %(default)s)")
    options = parser.parse_args()
    split, info = read(options.data)
    inputs: dict[str, Callable[[], tf.data.Dataset]] = {
        "map": partial(per_image, split, options.batch, parallel=False),
        "map, AUTOTUNE, prefetch": partial(per_image, split, options.batch, parallel=True),
        "ours": partial(ours, split, info, options.batch, Augmentation(flip=True, crop=PAD)),
        "ours, not augmented": partial(ours, split, info, options.batch, Augmentation()),
    }
    rates: dict[str, list[float]] = {name: [] for name in inputs}
    for _ in range(options.repeats):
        for name, make in inputs.items():
            rates[name].append(rate(make, options.seconds))
    print(f"{'':<24} {'images/s':>9} {'range':>20} {'x map':>7} {'x AUTOTUNE':>11}")
    middle = {name: statistics.median(found) for name, found in rates.items()}
    for name, found in rates.items():
        slow, tuned = (middle[name] / middle[base] for base in ("map", "map, AUTOTUNE, prefetch"))
        span = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"{name:<24} {middle[name]:>9,.0f} {span:>20} {slow:>7.1f} {tuned:>11.1f}")


if __name__ == "__main__":
    main()
