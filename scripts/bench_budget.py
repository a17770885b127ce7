"""Budget search on Fashion-MNIST beside random trials at equal core-seconds, by the hypervolume of both Pareto sets.

    python scripts/bench_budget.py                                    # 3 seeds, about an hour on 2 cores
    python scripts/bench_budget.py --seeds 0 --trials 4 --fraction 0.02 --epochs 1 2   # whether it works

For each seed: the reference is trained once; so many candidates drawn at random are trained in full; then the search
gets the core-seconds that they took. Both have the same space and reference, and in both trials share what they have in
common; what one finds in the store that the other has made is charged to it as if it had made it itself. Both choose by
the validation part; the Pareto sets are then measured on the test part once, and both hypervolumes are given, and the
smallest file and the shortest median time among those of the set that lose no more than so many points there. The
corner that volume is counted from: 10 points of accuracy lost, twice the reference's bytes and time; its unit is points
times powers of ten of bytes times powers of ten of time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from charts import Panel, draw
from experiment_runs import publish, table

from pipeline.search.bounds import Bounds
from pipeline.search.pareto import corner, hypervolume, point
from pipeline.search.trial import Figures

COLUMNS = [
    "seed",
    "search",
    "trials",
    "core-s",
    "deciding, besides",
    "Pareto set",
    "hypervolume, validation",
    "hypervolume, test",
]
LOSSES = (1, 2, 5, 10)
"""Points of test accuracy that may be lost against the reference."""

NETWORKS = [
    "data=fashion_mnist",
    "student.filters=[16,32,64]",
    "student.kernel=5",
    "student.units=80",
    "stages.baseline.batch_size=64",
    *(
        f"budget.techniques.{each}.batch_size=64"
        for each in ("train", "distill", "separate", "prune", "cluster", "quantize_aware")
    ),
]
"""The reference is the CNN of +experiment=fashion_mnist, the student that of fashion_mnist_lean."""


def search(options: argparse.Namespace, seed: int, store: Path, overrides: list[str]) -> dict[str, Any]:
    """Runs one search and returns its budget.json."""
    epochs = ",".join(map(str, options.epochs))
    command = [
        *(sys.executable, "-m", "pipeline", "+experiment=budget", *NETWORKS, f"seed={seed}", f"store.path={store}"),
        *("+stage@stages.fewer=sample", f"stages.fewer.fraction={options.fraction}"),
        f"stages.prepare.validation={options.validation}",
        *("stages.baseline.inputs.data=fewer", f"stages.baseline.epochs={options.epochs[-1]}"),
        *("budget.accuracy_drop=null", f"budget.epochs=[{epochs}]", f"budget.fine_tune_epochs={options.fine_tune}"),
        *("budget.widths=[1.0,0.5,0.25]", *options.overrides, *overrides),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"seed {seed} failed with exit code {done.returncode}: {done.stdout}")
    (place,) = [line for line in done.stdout.splitlines() if line.startswith("search: ")]
    return json.loads((Path(place.removeprefix("search: ").partition(",")[0]).parent / "budget.json").read_text())


def figures(found: dict[str, Any]) -> Figures:
    """Returns a row of budget.json as figures."""
    return Figures(**{name: found[name] for name in ("quality", "size_kb", "latency_ms", "flops")})


def volume(found: dict[str, Any], reference: dict[str, Any], part: str) -> float:
    """Returns the hypervolume of a search's Pareto set, against one reference for both searches."""
    rows = [each["test"] if part == "test" else each for each in found["pareto"]]
    against = figures(reference["test"] if part == "test" else reference)
    return hypervolume([point(figures(each), against) for each in rows], corner(against, Bounds()))


def least(found: dict[str, Any], key: str, loss: float) -> str:
    """Returns the least of a figure among the models of a Pareto set that lose so little, "none" if there is none."""
    most = found["reference"]["test"]["quality"] - loss
    kept = [each["test"][key] for each in found["pareto"] if each["test"]["quality"] >= most]
    return f"{min(kept):.3g}" if kept else "none"


def picture(found: dict[int, dict[str, dict[str, Any]]]) -> None:
    """Draws the points that each set loses on the test part against the bytes of its models."""
    names = {"random": "30 random trials", "guided": "budget search"}
    panels = []
    for seed, both in found.items():
        lines = {names[which]: front(each) for which, each in both.items()}
        panels.append(Panel(f"deflated KiB (seed {seed})", "points lost, test part", lines, log="x"))
    draw("budget", panels)


def front(found: dict[str, Any]) -> list[tuple[float, float]]:
    """Returns (KiB, points lost) of the models of a Pareto set that no smaller one is as good as, smallest first."""
    kept: list[tuple[float, float]] = []
    best = found["reference"]["test"]["quality"]
    for each in sorted(found["pareto"], key=lambda each: each["test"]["size_kb"]):
        lost = best - each["test"]["quality"]
        if (not kept or lost < kept[-1][1]) and lost <= LOSSES[-1]:
            kept.append((each["test"]["size_kb"], lost))
    return kept


def compare(options: argparse.Namespace, seed: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Runs both searches with a seed, the second on what the first took, and returns what each found."""
    store = folder / f"seed_{seed}"
    drawn = search(options, seed, store, ["budget.strategy=random", f"budget.trials={options.trials}"])
    limit = drawn["spent"]["core_seconds"]
    guided = search(options, seed, store, [f"budget.core_seconds={limit}", "budget.trials=1000"])
    return {"random": drawn, "guided": guided}


def main() -> None:
    """Prints both hypervolumes of each seed, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="which (default: 0 1 2)")
    parser.add_argument("--trials", type=int, default=30, help="random trials (default: %(default)s)")
    parser.add_argument("--fraction", type=float, default=0.06, help="of the training examples (default: %(default)s)")
    parser.add_argument("--validation", type=float, default=1 / 30, help="share of all (default: %(default).3f)")
    parser.add_argument("--epochs", type=int, nargs="+", default=[3, 9], help="of the rungs (default: 3 9)")
    parser.add_argument("--fine-tune", type=int, default=1, help="epochs of a technique (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keeps the stores, so that a stopped benchmark goes on")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    parser.add_argument("--picture", action="store_true", help="draws scripts/pictures/budget.png too")
    parser.add_argument("overrides", nargs="*", help="further overrides of both searches")
    options = parser.parse_args()
    runs: dict[int, dict[str, dict[str, Any]]] = {}
    rows, bounded, ratios = [], [], {"validation": [], "test": []}
    with tempfile.TemporaryDirectory() as name:
        for seed in options.seeds:
            both = runs[seed] = compare(options, seed, (options.folder or Path(name)).resolve())
            reference = both["random"]["reference"]
            volumes = {
                which: {part: volume(found, reference, part) for part in ratios} for which, found in both.items()
            }
            for which, found in both.items():
                spent = found["spent"]
                rows.append(
                    [
                        str(seed),
                        which,
                        str(len(found["trials"]) - 1),
                        f"{spent['core_seconds']:.0f}",
                        f"+{spent['deciding']:.0f}",
                        str(len(found["pareto"])),
                        *(f"{volumes[which][part]:.2f}" for part in ratios),
                    ]
                )
                least_of = [least(found, key, loss) for key in ("size_kb", "latency_ms") for loss in LOSSES]
                bounded.append([str(seed), which, *least_of])
            for part, values in ratios.items():
                values.append(volumes["guided"][part] / volumes["random"][part])
            print(
                f"seed {seed}: {', '.join(f'{part} ratio {values[-1]:.3f}' for part, values in ratios.items())}",
                flush=True,
            )
    said = [
        f"- {part}: the search's hypervolume is {statistics.fmean(values):.3f} times that of random trials "
        f"(by seed {', '.join(f'{each:.3f}' for each in values)})\n"
        for part, values in ratios.items()
    ]
    given = [f"{what}, {loss} lost" for what in ("KiB", "ms") for loss in LOSSES]
    tables = [table(COLUMNS, rows, words=2), table(["seed", "search", *given], bounded, words=2)]
    publish("\n".join([*tables, "".join(said)]), options.output)
    if options.picture:
        picture(runs)


if __name__ == "__main__":
    main()
