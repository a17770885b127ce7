"""Runs of experiments from benchmarks, and their figures over seeds."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.measurement.machine import cpu_name

SERVING = ("export", "measure")
"""Kinds of stages that make no model."""


def run(experiment: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """Runs an experiment with a seed and returns its report; a failed run ends the benchmark.

    Stages that an earlier run has made are reused.
    """
    command = [sys.executable, "-m", "pipeline", f"+experiment={experiment}", f"seed={seed}", *overrides]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"seed {seed} failed with exit code {done.returncode}")
    (place,) = [line for line in done.stdout.splitlines() if line.startswith("report: ")]
    return json.loads(Path(place.removeprefix("report: ")).with_suffix(".json").read_text())


def figures(report: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Returns the figures of each model in a report by its name.

    `accuracy` in percent, `bytes` and `deflated_bytes` in KiB, `p50` in microseconds, `flops`, `sparsity` (0 to 1) and
    `core_seconds`: those of all stages that the model came from, beyond those of the model the report compares with.
    """
    stages = {each["name"]: each for each in report["stages"]}
    models = {each["name"]: each for each in report["models"]}
    base = _upstream(stages, models[report["before"]]["stage"])
    found = {}
    for name, model in models.items():
        measured = model["measurement"]
        own = _upstream(stages, model["stage"]) - base
        spent = sum(stages[each]["cost"]["core_seconds"] for each in own if stages[each]["kind"] not in SERVING)
        found[name] = {
            "accuracy": 100 * measured["accuracy"],
            "bytes": measured["bytes"] / 1024,
            "deflated_bytes": measured["deflated_bytes"] / 1024,
            "p50": 1000 * measured["latency_ms"]["p50"],
            "flops": measured["flops"],
            "sparsity": measured["sparsity"],
            "core_seconds": spent,
        }
    return found


def _upstream(stages: dict[str, Any], name: str) -> set[str]:
    """Returns a stage and all that it came from."""
    return {name}.union(*(_upstream(stages, each) for each in stages[name]["inputs"].values()))


def spread(values: list[float], digits: int) -> str:
    """Returns the mean, and half the distance between the lowest and the highest value."""
    mean = f"{statistics.fmean(values):,.{digits}f}"
    return f"{mean} ± {(max(values) - min(values)) / 2:,.{digits}f}" if len(values) > 1 else mean


def table(names: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Returns a table in Markdown, whose first so many columns are words and the others figures."""
    rules = [*["---"] * words, *["---:"] * (len(names) - words)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (names, rules, *rows))


def publish(text: str, output: Path | None) -> None:
    """Prints a result; writes it to a file too, below the command and the machine it came from, if one is given."""
    print(text)
    if output is not None:
        command = " ".join(["python", *sys.argv])
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"`{command}`, {os.cpu_count()} cores of {cpu_name()}\n\n{text}")
