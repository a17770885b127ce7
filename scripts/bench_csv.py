"""How long a large CSV file takes to be prepared, and in how much memory, beside pandas.read_csv, in turn, in one go.

    python scripts/bench_csv.py --megabytes 1000 --repeats 3

Ours reads the file, splits it by random parts and writes the three parts ready to train on; pandas only reads it. Each
is a process of its own, whose peak memory is what the operating system says it was.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS = 50_000
PARTS = (0.8, 0.1, 0.1)


def make(file: Path, megabytes: float) -> int:
    """Writes a table of 8 fractions, 4 whole numbers, 3 texts and a label, some missing; returns its rows."""
    import pandas as pd

    random, rows, first = np.random.default_rng(0), 0, True
    with file.open("w", encoding="utf-8") as stream:
        while stream.tell() < megabytes * 1e6:
            columns: dict[str, np.ndarray] = {f"x{i}": random.normal(0, 10, ROWS).round(5) for i in range(8)}
            columns |= {f"i{i}": random.integers(0, 10 ** (i + 2), ROWS) for i in range(4)}
            columns |= {f"c{i}": random.choice([f"word_{k}" for k in range(10**i + 1)], ROWS) for i in range(3)}
            table = pd.DataFrame({**columns, "label": random.choice(["no", "yes"], ROWS)})
            for name in ("x0", "x1", "c1"):
                table.loc[random.random(ROWS) < 0.03, name] = None
            table.to_csv(stream, index=False, header=first)
            rows, first = rows + ROWS, False
    return rows


def read_with_pandas(file: Path, folder: Path) -> None:
    """Reads the file, and writes nothing."""
    import pandas as pd

    del folder
    pd.read_csv(file)


def prepare(file: Path, folder: Path) -> None:
    """Reads the file and writes the three parts."""
    from pipeline.data.sources.csv import load_csv
    from pipeline.data.tables.write import write_table

    table = load_csv(file, scratch=folder, label="label")
    parts = np.random.default_rng(0).choice(3, len(table.targets.values), p=PARTS).astype(np.int8)
    write_table(table, parts, folder / "parts")


SIDES = {"pandas.read_csv": read_with_pandas, "prepare": prepare}


def measure(side: str, file: Path, folder: Path) -> dict[str, float]:
    """Returns the seconds and the peak megabytes of one side in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, __file__, "--side", side, "--file", str(file), "--folder", scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def run_side(side: str, file: Path, folder: Path) -> None:
    """Runs one side in this process and prints what it took."""
    import resource

    start = time.perf_counter()
    SIDES[side](file, folder)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "megabytes": peak}))


def main() -> None:
    """Makes the file, runs both sides in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1000, help="size of the file (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="how often each side is run (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the file is made (default: the system's temporary folder)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.file, options.folder)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        file = Path(made) / "table.csv"
        rows = make(file, options.megabytes)
        print(f"{file.stat().st_size / 1e6:.0f} MB of CSV, {rows} rows")
        found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(options.repeats):
            for side in SIDES:
                found[side].append(measure(side, file, Path(made)))
    medians = {}
    for side, each in found.items():
        seconds, peak = [one["seconds"] for one in each], max(one["megabytes"] for one in each)
        medians[side] = statistics.median(seconds), peak
        print(f"{side:<16} {medians[side][0]:6.1f} s  ({min(seconds):.1f} to {max(seconds):.1f})  peak {peak:6.0f} MB")
    (slow, much), (quick, little) = medians.values()
    print(f"prepare takes {quick / slow:.2f}x the seconds and {little / much:.2f}x the memory of pandas.read_csv")


if __name__ == "__main__":
    main()
