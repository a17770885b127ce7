"""The `store` command: list, verify and prune what runs have left in the store."""

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.engine.errors import PipelineError
from pipeline.engine.maintenance import age_days, prune_store, verify_store
from pipeline.engine.settings import default_store
from pipeline.engine.store import Store

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code: 0 done, 1 damage found or the store in use, 2 wrong input."""
    options = _parser().parse_args(arguments)
    try:
        if not options.path.is_dir():
            raise PipelineError(f"--path={options.path}: no store there")
        return int(options.run(Store(options.path), options))
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="frugal store", description=__doc__)
    parser.add_argument("--path", type=Path, default=default_store(), help="the store (default: %(default)s)")
    commands = parser.add_subparsers(required=True, metavar="list | verify | prune")
    listing = commands.add_parser("list", help="show every artifact: stage, age, size, what it cost")
    listing.set_defaults(run=_list)
    checking = commands.add_parser("verify", help="check every file; set damaged artifacts aside")
    checking.set_defaults(run=_verify)
    pruning = commands.add_parser("prune", help="remove artifacts, oldest first, and what unfinished runs left")
    pruning.add_argument("--max-size", type=_size, metavar="SIZE", help="keep at most this much, such as 500M or 2G")
    pruning.add_argument("--max-age", type=_days, metavar="DAYS", help="keep nothing older, such as 30d")
    pruning.set_defaults(run=_prune)
    return parser


def _list(store: Store, _: argparse.Namespace) -> int:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("key", "stage", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("age days", "KiB", "core s"):
        table.add_column(heading, justify="right", no_wrap=True)
    artifacts = list(store.all())
    for each in artifacts:
        manifest = each.manifest
        figures = (f"{age_days(each):.2f}", f"{each.size / 2**10:.0f}", f"{manifest['cost']['core_seconds']:.1f}")
        table.add_row(each.key, manifest["stage"], manifest["kind"], *figures)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    total = sum(each.size for each in artifacts)
    console.print(f"{len(artifacts)} artifacts, {total / 2**20:.1f} MiB in {store.root}", markup=False)
    return 0


def _verify(store: Store, _: argparse.Namespace) -> int:
    outcome = verify_store(store)
    for key, problem in outcome.damaged.items():
        sys.stdout.write(f"{key}: damaged: {problem}; set aside, the next run rebuilds it\n")
    sys.stdout.write(f"{outcome.intact} intact, {len(outcome.damaged)} damaged\n")
    return 1 if outcome.damaged else 0


def _prune(store: Store, options: argparse.Namespace) -> int:
    outcome = prune_store(store, max_bytes=options.max_size, max_age_days=options.max_age)
    sys.stdout.write(f"{len(outcome.keys)} artifacts removed, {outcome.freed_bytes / 2**20:.1f} MiB freed\n")
    return 0


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: not a size; accepted: a number with K, M, G or T, such as 500M")
    return int(float(found[1]) * UNITS[found[2]])


def _days(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)d?", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: not an age; accepted: days, such as 30d")
    return float(found[1])
