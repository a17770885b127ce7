"""The `compare` command: two runs side by side, what was set otherwise before what came out otherwise."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.reporting.read import NAME, find_report, read_report
from pipeline.reporting.render_runs import render_runs
from pipeline.reporting.runs import Figure, Runs, compare_runs

WRONG_INPUT = 2

_STYLES = {"better": "green", "worse": "red"}


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code: 0 done, 2 wrong input."""
    options = _parser().parse_args(arguments)
    try:
        paths = [find_report(path) for path in (options.first, options.second)]
        runs = compare_runs(*(read_report(path) for path in paths))
        if options.html is not None:
            options.html.write_text(render_runs(runs, (str(paths[0]), str(paths[1]))), encoding="utf-8", newline="\n")
    except (ValueError, KeyError, OSError) as error:
        sys.stderr.write(f"error: {_said(error)}\n")
        return WRONG_INPUT
    _show(runs, (str(options.first), str(options.second)))
    if options.html is not None:
        sys.stdout.write(f"\npage: {options.html}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="frugal compare", description=__doc__)
    accepted = f"a run's output folder, such as outputs/digits/<time>, or its {NAME}"
    parser.add_argument("first", type=Path, metavar="RUN_A", help=accepted)
    parser.add_argument("second", type=Path, metavar="RUN_B", help="the run that is set against it")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a self-contained page")
    return parser


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a report lacks {error}: it is damaged"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _show(runs: Runs, names: tuple[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for place, name, verdict in zip(("first ", "second"), names, runs.verdicts, strict=True):
        console.print(f"{place} {name}: {verdict}", markup=False)
    if runs.settings:
        _print(console, "configuration", ["setting", "first", "second"], [[*each] for each in runs.settings])
    else:
        console.print("\nboth runs have the same configuration", markup=False)
    for model, figures in runs.figures.items():
        _figures(console, model, figures)
    if not runs.figures:
        console.print("\nno model that both runs have differs", markup=False)
    _figures(console, "all stages", runs.totals)
    if runs.surroundings:
        _print(console, "environment", ["", "first", "second"], [[*each] for each in runs.surroundings])
    lines = [*runs.alone, *runs.caveats]
    if lines:
        console.print("\n" + "\n".join(lines), markup=False)


def _figures(console: Console, title: str, figures: Iterable[Figure]) -> None:
    rows: list[list[str | Text]] = [
        [each.name, each.first, each.second, Text(each.change, style=_STYLES.get(each.trend, ""))] for each in figures
    ]
    _print(console, title, ["figure", "first", "second", "change"], rows, numbers=(1, 2))


def _print(
    console: Console, title: str, headings: list[str], rows: list[list[str | Text]], numbers: tuple[int, ...] = ()
) -> None:
    table = Table(
        title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    console.print()
    console.print(table)
