"""Each technique of compression and their combinations on Fashion-MNIST, over seeds, from the exported files.

    python scripts/bench_compression.py --seeds 3
    python scripts/bench_compression.py --seeds 1 stages.baseline.epochs=2     # more overrides, as for pipeline

Runs the experiment once a seed, as `python -m pipeline +experiment=... seed=...` does, and prints a table in Markdown:
accuracy on the 10,000 test images, bytes, deflated bytes and median latency of one image with one thread, each the mean
over the seeds and half the distance between the lowest and the highest, and the core time that all stages took which
the model came from, beyond those of the model without compression. Stages that an earlier run has made are reused.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

FIGURES = ("accuracy", "bytes", "deflated_bytes", "p50", "core_seconds")


def run(experiment: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """Runs an experiment with a seed and returns its report."""
    command = [sys.executable, "-m", "pipeline", f"+experiment={experiment}", f"seed={seed}", *overrides]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"seed {seed} failed with exit code {done.returncode}")
    (place,) = [line for line in done.stdout.splitlines() if line.startswith("report: ")]
    return json.loads(Path(place.removeprefix("report: ")).with_suffix(".json").read_text())


def upstream(stages: dict[str, Any], name: str) -> set[str]:
    """Returns a stage and all that it came from."""
    return {name}.union(*(upstream(stages, each) for each in stages[name]["inputs"].values()))


def figures(report: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Returns the figures of each model by its name."""
    stages = {each["name"]: each for each in report["stages"]}
    models = {each["name"]: each for each in report["models"]}
    base = upstream(stages, models[report["before"]]["stage"])
    found = {}
    for name, model in models.items():
        measured = model["measurement"]
        own = upstream(stages, model["stage"]) - base
        spent = sum(stages[each]["cost"]["core_seconds"] for each in own if stages[each]["kind"] not in SERVING)
        found[name] = {
            "accuracy": 100 * measured["accuracy"],
            "bytes": measured["bytes"] / 1024,
            "deflated_bytes": measured["deflated_bytes"] / 1024,
            "p50": 1000 * measured["latency_ms"]["p50"],
            "core_seconds": spent,
        }
    return found


SERVING = ("export", "measure")
"""Kinds of stages that make no model."""


def spread(values: list[float], digits: int) -> str:
    """Returns the mean, and half the distance between the lowest and the highest value."""
    mean = f"{statistics.fmean(values):,.{digits}f}"
    return f"{mean} ± {(max(values) - min(values)) / 2:,.{digits}f}" if len(values) > 1 else mean


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 on (default: %(default)s)")
    parser.add_argument("--experiment", default="fashion_mnist_techniques", help="which (default: %(default)s)")
    options, overrides = parser.parse_known_args()
    runs = [figures(run(options.experiment, seed, overrides)) for seed in range(options.seeds)]
    print("| model | accuracy, % | KiB | deflated KiB | p50, µs | core-seconds more |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in runs[0]:
        values = {key: [each[name][key] for each in runs] for key in FIGURES}
        digits = {"accuracy": 2, "bytes": 1, "deflated_bytes": 1, "p50": 1, "core_seconds": 0}
        print(f"| {name} | " + " | ".join(spread(values[key], digits[key]) for key in FIGURES) + " |", flush=True)


if __name__ == "__main__":
    main()
