"""Tables of the page, which sort by their columns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cell(NamedTuple):
    """A cell: its text, by what it sorts (its text if None), under it a change with its trend, or a bar; a link."""

    text: str
    sort: float | None = None
    change: str = ""
    trend: str = ""
    length: str | None = None
    link: str = ""


class Table(NamedTuple):
    """A table: the first cell of each row names it; `numbers` says which columns stand to the right."""

    caption: str
    columns: Sequence[str]
    numbers: Sequence[bool]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[str] = ()


def drawn(kind: str, **arguments: object) -> Mapping[str, object]:
    """Names a chart and what it is drawn from, for `render_html` to draw."""
    return {"kind": kind, "arguments": arguments}
