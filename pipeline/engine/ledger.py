"""The ledger: what each stage of one run cost, and what was reused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from rich.table import Table

from pipeline.engine.meter import Cost

Status = Literal["built", "reused", "unneeded", "failed", "skipped"]

NOTHING = Cost()


@dataclass(frozen=True)
class Entry:
    """One stage of a run.

    Attributes:
        stage: Its name.
        kind: What it does.
        key: Its artifact's key.
        status: built, reused, unneeded (only needed by stages that were reused), failed, or skipped (after a failure).
        cost: What it cost in this run; nothing for a reused one.
        saved: What the artifact had cost when it was built, where it was reused.
        kept_bytes: What the stage kept in memory while it worked, by what it is, such as the state of an optimizer.
    """

    stage: str
    kind: str
    key: str
    status: Status
    cost: Cost = NOTHING
    saved: Cost = NOTHING
    kept_bytes: Mapping[str, int] = field(default_factory=dict)


def money(core_seconds: float, per_core_hour: float) -> float:
    """Returns the price of core time."""
    return core_seconds / 3600 * per_core_hour


def write(entries: Sequence[Entry], per_core_hour: float, currency: str, path: Path) -> None:
    """Writes the ledger as JSON."""
    rows = [{**asdict(entry), "money": money(entry.cost.core_seconds, per_core_hour)} for entry in entries]
    total = sum((entry.cost for entry in entries), NOTHING)
    document = {
        "stages": rows,
        "total": {**asdict(total), "money": money(total.core_seconds, per_core_hour)},
        "per_core_hour": per_core_hour,
        "currency": currency,
    }
    path.write_text(json.dumps(document, indent=1))


def table(entries: Sequence[Entry], per_core_hour: float, currency: str) -> Table:
    """Returns the ledger as a table for the terminal."""
    shown = Table(
        title="ledger", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for heading in ("stage", "status"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("wall s", "core s", "peak MiB", "read MiB", "written MiB", currency):
        shown.add_column(heading, justify="right", no_wrap=True)
    for entry in entries:
        shown.add_row(entry.stage, entry.status, *_figures(entry.cost, per_core_hour))
    total = sum((entry.cost for entry in entries), NOTHING)
    shown.add_row("total", "", *_figures(total, per_core_hour), style="bold")
    return shown


def _figures(cost: Cost, per_core_hour: float) -> list[str]:
    mebibytes = [f"{each / 2**20:.1f}" for each in (cost.peak_bytes, cost.bytes_read, cost.bytes_written)]
    price = money(cost.core_seconds, per_core_hour)
    return [f"{cost.wall_seconds:.1f}", f"{cost.core_seconds:.1f}", *mebibytes, f"{price:.4f}"]
