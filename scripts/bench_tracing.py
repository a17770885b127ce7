"""What a run costs with and without two things that `pipeline/keras.py` asks of TensorFlow and Python, in turn.

    python scripts/bench_tracing.py --repeats 3

One side is the run as it is. For the other AutoGraph rewrites Frugal's and TFMOT's functions before they are traced, as
TensorFlow has it by itself, and garbage is collected while TensorFlow is imported. Each run is of the whole experiment,
at a few epochs, in a process and a store of its own. Prints core-seconds, and compares the trained models, which are
the same.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

OVERRIDES = ("stages.baseline.epochs=2", "stages.prune.epochs=2")
AS_IT_IS = "from pipeline.__main__ import main; main()"
BY_ITSELF = """
import gc
gc.disable, disable = lambda: None, gc.disable
import pipeline.keras
gc.disable = disable
rules = pipeline.keras.autograph
rules.CONVERSION_RULES = rules.CONVERSION_RULES[2:]
from pipeline.__main__ import main
main()
"""
SIDES = {"as it is": AS_IT_IS, "without both": BY_ITSELF}


def run(code: str, experiment: str) -> tuple[float, dict[str, str]]:
    """Returns the core-seconds of one run, its process's own and its children's, and its models' digests."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        before = os.times()
        subprocess.run(
            [sys.executable, "-c", code, f"+experiment={experiment}", *OVERRIDES],
            cwd=folder,
            env={**os.environ, "FRUGAL_STORE": str(store)},
            capture_output=True,
            check=True,
        )
        after = os.times()
        manifests = [json.loads(path.read_text())["manifest"] for path in store.glob("artifacts/*/manifest.json")]
    models = {each["stage"]: each["digest"] for each in manifests if each["kind"] in ("train", "prune")}
    return sum(after[2:4]) - sum(before[2:4]), models


def main() -> None:
    """Runs both sides in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="how often each is run (default: %(default)s)")
    parser.add_argument("--experiment", default="digits", help="with stages baseline and prune (default: %(default)s)")
    options = parser.parse_args()
    costs: dict[str, list[float]] = {side: [] for side in SIDES}
    first: dict[str, str] = {}
    for _ in range(options.repeats):
        for side, code in SIDES.items():
            cost, models = run(code, options.experiment)
            costs[side].append(cost)
            first = first or models
            if models != first:
                sys.exit(f"{side}: other models than before")
    for side, values in costs.items():
        print(f"{side:<14} {statistics.median(values):6.1f} core-s  ({min(values):.1f} to {max(values):.1f})")
    ratio = statistics.median(costs["without both"]) / statistics.median(costs["as it is"])
    print(f"{ratio:.2f}x; the models are the same, byte for byte: {', '.join(sorted(first))}")


if __name__ == "__main__":
    main()
