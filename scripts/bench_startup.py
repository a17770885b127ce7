"""How long the answers take that need no TensorFlow, beside `import tensorflow`, in turn, in one go.

    python scripts/bench_startup.py --repeats 7

Prints the median and the range of each in seconds, and how many times faster than the import it is. The run whose
stages are all reused needs one full run of the experiment first, which is made in a temporary store.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "import tensorflow": ["-c", "import tensorflow"],
    "--cfg job": ["-m", "pipeline", "+experiment={experiment}", "--cfg", "job"],
    "--help": ["-m", "pipeline", "--help"],
    "a typo": ["-m", "pipeline", "+experiment={experiment}", "stages.prune.final_sparsty=0.9"],
    "dry_run=true": ["-m", "pipeline", "+experiment={experiment}", "dry_run=true"],
    "every stage reused": ["-m", "pipeline", "+experiment={experiment}"],
}


def seconds(arguments: list[str], folder: str) -> float:
    """Returns the wall time of one Python process, in seconds."""
    environment = {**os.environ, "FRUGAL_STORE": f"{folder}/store", "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Times each command in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="how often each is timed (default: %(default)s)")
    parser.add_argument("--experiment", default="digits", help="which experiment (default: %(default)s)")
    options = parser.parse_args()
    commands = {name: [each.format(experiment=options.experiment) for each in c] for name, c in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as folder:
        first = seconds(commands["every stage reused"], folder)
        print(f"one full run of {options.experiment}, to be reused: {first:.1f} s")
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, arguments in commands.items():
                times[name].append(seconds(arguments, folder))
    base = statistics.median(times["import tensorflow"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:<20} {middle:6.2f} s  ({min(found):.2f} to {max(found):.2f})  {base / middle:5.1f}x faster")


if __name__ == "__main__":
    main()
