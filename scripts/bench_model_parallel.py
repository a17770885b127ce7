"""Memory of each device and time of a step of a wide MLP: on one device, and split over two and four.

    python scripts/bench_model_parallel.py

Each side is placed by its engine and trained by Adam on the same random batches, a few steps of each in turn; prints a
table in Markdown of the median step, its ratio to one device, and the bytes of weights and optimizer state on the
fullest device. All devices are threads of this one process, so neither time nor the process's memory can be saved here.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from experiment_runs import publish, table

from pipeline.distribution.model_parallel import ModelParallel
from pipeline.distribution.single import Single
from pipeline.keras import keras, tf
from pipeline.optimizers import Adam

COLUMNS = ["devices (batch x model), layout", "a device keeps, MiB", "of one's", "step, ms", "of one's"]
BY_UNITS = [(r"(wide|logits).*/kernel", (None, "model")), (r"(wide|logits).*/bias", ("model",))]
FEATURES, CLASSES = 1024, 16


def wide(units: int, depth: int) -> keras.Model:
    """Returns an MLP of equally wide layers."""
    features = x = keras.Input((FEATURES,))
    for number in range(depth):
        x = keras.layers.Dense(units, activation="relu", name=f"wide_{number}")(x)
    return keras.Model(features, keras.layers.Dense(CLASSES, name="logits")(x), name="wide")


def place(model: keras.Model, engine: Single) -> keras.Model:
    """Returns the model as the engine trains it, compiled."""
    placed, optimizer = engine.place(model, Adam(1e-4))
    placed.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(placed.trainable_variables)
    return placed


def kept(placed: keras.Model) -> int:
    """Returns the bytes of weights and optimizer state on the fullest device."""
    dtensor = tf.experimental.dtensor
    fullest: dict[str, int] = {}
    for variable in [*placed.variables, *placed.optimizer.variables]:
        value = variable.read_value()
        for part in dtensor.unpack(value) if isinstance(variable, dtensor.DVariable) else [value]:
            size = part.shape.num_elements() * part.dtype.size
            fullest[part.device] = fullest.get(part.device, 0) + size
    return max(fullest.values())


def stepper(placed: keras.Model, batches: tf.data.Dataset) -> Callable[[], float]:
    """Returns a function that takes a step and returns its seconds."""
    take, iterator = placed.make_train_function(), iter(batches)

    def step() -> float:
        start = time.perf_counter()
        float(take(iterator)["loss"])
        return time.perf_counter() - start

    return step


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=2048, help="of each layer (default: %(default)s)")
    parser.add_argument("--depth", type=int, default=3, help="hidden layers (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="examples a step (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    options = parser.parse_args()
    engines = {  # the largest mesh first: it claims the devices
        "2 x 2": ModelParallel(batch=2, model=2, preset="dense_conv"),
        "1 x 1, one device": Single(),
        "1 x 2": ModelParallel(batch=1, model=2, preset="dense_conv"),
        "1 x 2, all by units": ModelParallel(batch=1, model=2, layouts=BY_UNITS),
    }
    noise = np.random.default_rng(0)
    examples = noise.random((options.batch, FEATURES), np.float32), noise.integers(0, CLASSES, options.batch)
    batches = tf.data.Dataset.from_tensors(examples).repeat()
    models = {name: place(wide(options.units, options.depth), engine) for name, engine in engines.items()}
    steps = {name: stepper(placed, batches) for name, placed in models.items()}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for step in steps.values():
        step(), step()
    for _ in range(options.rounds):
        for name, step in steps.items():
            times[name].append(statistics.median(step() for _ in range(3)))
    one, rows = "1 x 1, one device", []
    whole, alone = kept(models[one]), statistics.median(times[one])
    for name in (one, *(each for each in engines if each != one)):
        size, took = kept(models[name]), statistics.median(times[name])
        rows.append([name, f"{size / 2**20:.1f}", f"{size / whole:.2f}x", f"{1000 * took:.0f}", f"{took / alone:.2f}x"])
    publish(table(COLUMNS, rows, words=1), options.output)


if __name__ == "__main__":
    main()
