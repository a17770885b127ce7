"""What a sweep over a last stage costs against one run: the base model is trained once, whatever the number of jobs.

    python scripts/bench_sweep.py [--rounds 2] [--epochs 800] [--jobs 1]

Each round runs both sides, in turn first and second, each on a store of its own: one run of a training, a pruning of
one epoch, export, measurement and report; and a sweep of five over the pruning's sparsity. Prints wall and core seconds
of both, children included, and the median ratio. `--epochs` sets how much the base model dominates.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPARSITIES = ("0.5", "0.6", "0.7", "0.8", "0.9")
CHAIN = (
    "model=cnn",
    "+stage@stages.prepare=prepare",
    "+stage@stages.baseline=train",
    "+stage@stages.prune=prune",
    "+stage@stages.export=export",
    "+stage@stages.measure=measure",
    "+stage@stages.report=report",
    "stages.prune.inputs.model=baseline",
    "stages.prune.epochs=1",
    "stages.export.inputs.model=prune",
    "stages.export.formats=[tflite]",
    "stages.measure.inputs.model=export",
    "+stages.report.inputs.pruned=measure",
    "stages.report.before=pruned",
)


def main() -> None:
    """Runs the rounds and prints what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=800, help="of the base model, 20 steps of digits each")
    parser.add_argument("--jobs", type=int, default=1, help="of the sweep at a time")
    arguments = parser.parse_args()
    base = ("data=digits", *CHAIN, f"stages.baseline.epochs={arguments.epochs}")
    sides = {
        "one run": (*base, f"stages.prune.final_sparsity={SPARSITIES[0]}"),
        "sweep of 5": (
            "-m",
            *base,
            f"stages.prune.final_sparsity={','.join(SPARSITIES)}",
            f"hydra.launcher.n_jobs={arguments.jobs}",
        ),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    print("round side        wall s  core s")
    for number in range(arguments.rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            taken[name].append(timed(sides[name]))
            print(f"{number:<5} {name:<11} {taken[name][-1][0]:6.1f}  {taken[name][-1][1]:6.1f}", flush=True)
    for place, what in enumerate(("wall", "core")):
        pairs = zip(taken["sweep of 5"], taken["one run"], strict=True)
        ratios = sorted(sweep[place] / one[place] for sweep, one in pairs)
        print(
            f"{what} time of the sweep: {statistics.median(ratios):.2f} x one run ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def timed(command: tuple[str, ...]) -> tuple[float, float]:
    """Runs a command line on an empty store; returns its wall and core seconds, its children's included."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FRUGAL_STORE": str(Path(folder) / "store"), "HYDRA_FULL_ERROR": "0"}
        before, began = spent(), time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
        return time.monotonic() - began, spent() - before


def spent() -> float:
    """Returns the core seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
