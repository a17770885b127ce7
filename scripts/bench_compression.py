"""Each technique of compression and their combinations on Fashion-MNIST, over seeds, from the exported files.

    python scripts/bench_compression.py --seeds 3
    python scripts/bench_compression.py --seeds 1 stages.baseline.epochs=2     # more overrides, as for pipeline
    python scripts/bench_compression.py --experiment fashion_mnist_lean        # another experiment's models

Runs the experiment once a seed, as `python -m pipeline +experiment=... seed=...` does, and prints a table in Markdown:
accuracy on the 10,000 test images, bytes, deflated bytes and median latency of one image with one thread, each the mean
over the seeds and half the distance between the lowest and the highest, how many times fewer deflated bytes and less
latency that is than the model the report compares with (by the means), and the core time that all stages took which the
model came from, beyond those of the model without compression. Stages that an earlier run has made are reused.
"""

import argparse
import statistics
from pathlib import Path

from experiment_runs import figures, publish, run, spread, table

DIGITS = {"accuracy": 2, "bytes": 1, "deflated_bytes": 1, "p50": 1, "core_seconds": 0}
COLUMNS = ["model", "accuracy, %", "KiB", "deflated KiB", "p50, µs", "core-seconds more", "deflated", "latency"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 on (default: %(default)s)")
    parser.add_argument("--experiment", default="fashion_mnist_techniques", help="which (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    options, overrides = parser.parse_known_args()
    reports = [run(options.experiment, seed, overrides) for seed in range(options.seeds)]
    runs = [figures(report) for report in reports]
    before = {key: statistics.fmean(each[reports[0]["before"]][key] for each in runs) for key in DIGITS}
    rows = []
    for name in runs[0]:
        values = {key: [each[name][key] for each in runs] for key in DIGITS}
        gains = [before[key] / statistics.fmean(values[key]) for key in ("deflated_bytes", "p50")]
        cells = [spread(values[key], digits) for key, digits in DIGITS.items()]
        rows.append([name, *cells, *(f"{gain:.1f}x" for gain in gains)])
    publish(table(COLUMNS, rows), options.output)


if __name__ == "__main__":
    main()
