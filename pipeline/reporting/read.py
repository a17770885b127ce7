"""Finds and reads the `report.json` of a finished run."""

import json
from pathlib import Path
from typing import Any, cast

from pipeline.reporting.document import Document, check_version

NAME = "report.json"
_NEEDED = Document.__required_keys__


def find_report(path: Path) -> Path:
    """Returns the report of a run.

    Args:
        path: A `report.json`, the folder that holds one, or a run's output folder.

    Raises:
        FileNotFoundError: If there is none there; the message says where some are below, if any.
        ValueError: If there are several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder; accepted: a run's output folder or its {NAME}")
    if (path / NAME).is_file():
        return path / NAME
    found = sorted(path.glob(f"*/{NAME}"))
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(str(each.parent) for each in found)
        raise ValueError(f"{path}: holds {len(found)} reports; accepted: one of {listed}")
    below = sorted(each.parents[1] for depth in (2, 3, 4) for each in path.glob(f"{'*/' * depth}{NAME}"))
    hint = f"; did you mean one of {', '.join(map(str, below[:5]))}?" if below else ""
    raise FileNotFoundError(f"{path}: no {NAME} here or in a folder in it; a run's `report` stage writes one{hint}")


def read_report(path: Path) -> Document:
    """Reads a report.

    Args:
        path: As `find_report` returns it.

    Raises:
        ValueError: If it is not a report, or one of a later version.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: not JSON: {error}") from None
    missing = sorted(_NEEDED - found.keys()) if isinstance(found, dict) else sorted(_NEEDED)
    if missing:
        raise ValueError(f"{path}: not a report of a run: it has no {', '.join(missing)}")
    document = cast(Document, found)
    try:
        check_version(document)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return document
