"""Predicts how data-parallel training scales to 512 ranks, beside what was published. A prediction, not a measurement.

    python scripts/simulate_scale.py                                                  # the published networks
    python scripts/simulate_scale.py --compute-ms 80 --gradients-mb 1.9 --overhead-ms 2  # one's own, as measured

The model is that of pipeline/distribution/scale.py: a ring all-reduce, part of it hidden behind the backward pass. In
go the images a second of one GPU (TensorFlow's published benchmarks of a P100; ResNet-101: Horovod's documentation,
on 16 GPUs), the bytes of the weights, and 25 Gbit/s. Out comes an efficiency, set beside that of Horovod's
documentation (benchmarks.rst) for 128 servers of 4 GPUs. One number is fitted to the latter: the share of the
communication that is hidden. Writes scripts/pictures/scale.png and, with --output, a table.
"""

import argparse
from pathlib import Path

import experiment_runs
from charts import Panel, draw

from pipeline.distribution.scale import Network, Work, efficiency

RANKS = [8, 16, 32, 64, 128, 256, 512]
BATCH = 64
PUBLISHED = {"Inception V3": 0.90, "ResNet-101": 0.90, "VGG-16": 0.68}
"""At 512 ranks."""
NETWORKS = {"Inception V3": (142, 23.8e6), "ResNet-101": (103.6, 44.5e6), "VGG-16": (154, 138.4e6)}
"""Images a second on one GPU, and weights of 4 bytes."""


def best_overlap(works: dict[str, Work], network: Network) -> float:
    """Returns the share in hundredths that comes closest to the published efficiencies, by the sum of squares."""

    def miss(share: float) -> float:
        return sum(
            (efficiency(with_overlap(works[each], share), 512, network) - PUBLISHED[each]) ** 2 for each in works
        )

    return min((hundredth / 100 for hundredth in range(101)), key=miss)


def with_overlap(work: Work, share: float) -> Work:
    """Returns the same work with another share of hidden communication."""
    return Work(work.compute, work.gradients, work.overhead, share)


def main() -> None:
    """Prints the table and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bandwidth-gbit", type=float, default=25.0)
    parser.add_argument("--latency-us", type=float, default=20.0, help="of one message")
    parser.add_argument("--compute-ms", type=float, help="of a step of one's own network on one rank alone")
    parser.add_argument("--gradients-mb", type=float, help="its gradients, in 10^6 bytes")
    parser.add_argument("--overhead-ms", type=float, default=0.0, help="what taking part costs a step, as measured")
    parser.add_argument("--output", type=Path, help="a Markdown file for the result")
    options = parser.parse_args()
    if (options.compute_ms is None) != (options.gradients_mb is None):
        parser.error("--compute-ms and --gradients-mb: one without the other; accepted: both or none")
    network = Network(options.bandwidth_gbit * 1e9 / 8, options.latency_us * 1e-6)
    works = {name: Work(BATCH / rate, 4 * weights) for name, (rate, weights) in NETWORKS.items()}
    share = best_overlap(works, Network(25e9 / 8, 20e-6))
    works = {name: with_overlap(work, share) for name, work in works.items()}
    if options.compute_ms is not None:
        own = Work(options.compute_ms / 1e3, options.gradients_mb * 1e6, options.overhead_ms / 1e3, share)
        works["one's own"] = own
    found = {name: [efficiency(work, ranks, network) for ranks in RANKS] for name, work in works.items()}
    rows = [
        [name, *(f"{value:.0%}" for value in values), f"{PUBLISHED[name]:.0%}" if name in PUBLISHED else ""]
        for name, values in found.items()
    ]
    names = ["predicted efficiency", *map(str, RANKS), "published at 512"]
    told = (
        f"A prediction: a ring over {options.bandwidth_gbit:g} Gbit/s with {options.latency_us:g} µs a message, "
        f"{share:.0%} of the communication hidden (fitted to the three published figures)."
    )
    experiment_runs.publish(f"{experiment_runs.table(names, rows)}\n{told}\n", options.output)
    lines = {
        name: [(rank, 100 * each) for rank, each in zip(RANKS, values, strict=True)] for name, values in found.items()
    }
    points = {f"{name}, published": [(512.0, 100 * value)] for name, value in PUBLISHED.items()}
    draw("scale", [Panel("ranks", "predicted efficiency, %", {**lines, **points})])


if __name__ == "__main__":
    main()
