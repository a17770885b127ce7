"""Size, latency and accuracy by sparsity: in blocks, 2:4 and scattered, with the zeros in the file and left out.

    python scripts/bench_sparsity.py --seeds 3

Runs the experiment fashion_mnist_blocks (two Dense layers of 1,024 units) once for each seed, pattern and sparsity,
each fine-tuned after pruning and measured from its exported files; prints a table in Markdown and draws
scripts/pictures/sparsity.png. 2:4 has one sparsity, a half. Stages that an earlier run has made are reused, so the
dense model is trained once a seed.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

from charts import Panel, draw
from experiment_runs import figures, publish, run, spread, table

DENSE, PRUNED, SPARSE = "dense", "pruned", "pruned, zeros left out"
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CASES = [*(("unstructured", each) for each in SPARSITIES), ("2:4", 0.5), *(("blocks", each) for each in SPARSITIES)]
DIGITS = {"accuracy": 2, "bytes": 0, "deflated_bytes": 0, "p50": 1}
COLUMNS = ["zeros", "in the file", "sparsity", "accuracy, %", "KiB", "deflated KiB", "p50, µs"]

Values = dict[str, list[float]]


def measured(seeds: int, overrides: list[str]) -> dict[tuple[str, float, str], Values]:
    """Returns the figures over seeds by pattern, sparsity, and which file."""
    found: dict[tuple[str, float, str], Values] = {}
    for pattern, sparsity in CASES:
        settings = [f"stages.prune.pattern={pattern}", f"stages.prune.final_sparsity={sparsity}", *overrides]
        runs = [figures(run("fashion_mnist_blocks", seed, settings)) for seed in range(seeds)]
        for name in (DENSE, PRUNED, SPARSE):
            found[pattern, sparsity, name] = {key: [each[name][key] for each in runs] for key in DIGITS}
    return found


def panel(found: dict[tuple[str, float, str], Values], key: str, label: str, files: Sequence[str]) -> Panel:
    """Returns the plot of a figure against sparsity, for the files with their zeros, without, or both."""
    lines: dict[str, list[tuple[float, float]]] = {}
    bands: dict[str, list[tuple[float, float]]] = {}
    for (pattern, sparsity, name), values in found.items():
        if name in files:
            line = f"{pattern}, zeros {'in the file' if name == PRUNED else 'left out'}" if len(files) > 1 else pattern
            lines.setdefault(line, []).append((100 * sparsity, statistics.fmean(values[key])))
            bands.setdefault(line, []).append((min(values[key]), max(values[key])))
    dense = statistics.fmean(value for (*_, name), values in found.items() if name == DENSE for value in values[key])
    lines["dense"] = [(100 * SPARSITIES[0], dense), (100 * SPARSITIES[-1], dense)]
    return Panel("sparsity, %", label, lines, bands, dashed=("dense",))


def main() -> None:
    """Prints the table and draws the chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 on (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    options, overrides = parser.parse_known_args()
    found = measured(options.seeds, overrides)
    rows = []
    for (pattern, sparsity, name), values in found.items():
        words = ["none", "0 %"] if name == DENSE else [pattern, f"{100 * sparsity:.0f} %"]
        if name != DENSE or (pattern, sparsity) == CASES[0]:
            cells = [spread(values[key], digits) for key, digits in DIGITS.items()]
            rows.append([words[0], "no" if name == SPARSE else "yes", words[1], *cells])
    publish(table(COLUMNS, rows, words=2), options.output)
    both = (PRUNED, SPARSE)
    panels = [
        panel(found, "p50", "p50 latency, µs", both),
        panel(found, "deflated_bytes", "deflated KiB", both),
        panel(found, "accuracy", "accuracy, %", (PRUNED,)),
    ]
    print(draw("sparsity", panels))


if __name__ == "__main__":
    main()
