"""The two ends of a message about a wrong name: what would be accepted, and what was probably meant."""

import difflib
from collections.abc import Sequence

_SHOWN = 20


def accepted(names: Sequence[str]) -> str:
    """Returns the names as one short list, the rest of a long one counted."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"accepted: {', '.join(names[:_SHOWN])}{more}"


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Returns "; did you mean x?" with the nearest of the names, or nothing when none is near."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def shown(cell: str) -> str:
    """Returns a cell's text quoted, on one line and cut short, as a message shows it."""
    return repr(cell if len(cell) <= 40 else f"{cell[:37]}...")
