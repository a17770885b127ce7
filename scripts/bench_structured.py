"""Latency against the operations that structured pruning leaves, on the reference CNN of Fashion-MNIST.

    python scripts/bench_structured.py

Removes 0 to 87.5 % of all channels, exports each network to TFLite and measures one image with one thread, all networks
in turn, several times; prints a table in Markdown and draws scripts/pictures/structured.png. The weights are untrained:
neither time nor operations depend on them (bench_compression.py has accuracies).
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from charts import Panel, draw
from experiment_runs import publish, table

from pipeline.compression.export import to_tflite
from pipeline.compression.structured import remove_channels
from pipeline.keras import keras
from pipeline.measurement.measure import measure
from pipeline.models.cnn import cnn

SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
COLUMNS = ["channels removed", "MFLOPs", "fewer", "p50, µs", "lower", "GFLOP/s"]
IMAGE = (28, 28, 1)


def networks(folder: Path) -> dict[float, Path]:
    """Exports the reference, and what each share of channels leaves of it."""
    features = keras.Input(IMAGE)
    keras.utils.set_random_seed(0)
    reference = cnn(features, features, 10, filters=[32, 64], convolutions=2, units=128, dropout=0.3)
    found = {}
    for share in SHARES:
        smaller = remove_channels(reference, share=share) if share else reference
        found[share] = folder / f"{share}.tflite"
        found[share].write_bytes(to_tflite(smaller))
    return found


def main() -> None:
    """Prints the table and draws the chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features, labels = folder / "features.npy", folder / "labels.npy"
        np.save(features, np.random.default_rng(0).random((20, *IMAGE), np.float32))
        np.save(labels, np.arange(20) % 10)
        paths = networks(folder)
        times: dict[float, list[float]] = {share: [] for share in paths}
        flops = {}
        for _ in range(options.repeats):
            for share, path in paths.items():
                found = measure(path, features, labels)
                times[share].append(1000 * found["latency_ms"]["p50"])
                flops[share] = found["flops"] / 1e6
    medians = {share: statistics.median(values) for share, values in times.items()}
    rows = []
    for share, median in medians.items():
        less, faster = flops[0.0] / flops[share], medians[0.0] / median
        speed = 1000 * flops[share] / median
        rows.append(
            [f"{share:.1%}", f"{flops[share]:.2f}", f"{less:.2f}x", f"{median:.1f}", f"{faster:.2f}x", f"{speed:.0f}"]
        )
    publish(table(COLUMNS, rows, words=0), options.output)
    points = {share: (flops[share], medians[share]) for share in paths}
    ideal = [(flops[share], medians[0.0] * flops[share] / flops[0.0]) for share in paths]
    lines = {"measured": list(points.values()), "in proportion to the operations": ideal}
    bands = {"measured": [(min(times[share]), max(times[share])) for share in paths]}
    print(draw("structured", [Panel("MFLOPs an image", "p50 latency, µs", lines, bands, [*lines][1:], log="xy")]))


if __name__ == "__main__":
    main()
