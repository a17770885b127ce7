"""The files that a table's source is given: one, several, or one for each part."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.data.dataset import PARTS
from pipeline.data.hints import accepted, did_you_mean


def given_files(
    path: Path | Sequence[Path] | Mapping[str, Path], part: str | None
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Returns the files, and the part of each when they are given by part: then in the order of PARTS.

    Raises:
        ValueError: When there is none, a part is unknown or misses, or a column names the parts as well.
    """
    if not isinstance(path, Mapping):
        files = (path,) if isinstance(path, Path) else tuple(path)
        if not files:
            raise ValueError("no file is given; accepted: one or more")
        return files, ()
    for name in path:
        if name not in PARTS:
            raise ValueError(f"part {name!r} is unknown; {accepted(PARTS)}{did_you_mean(name, PARTS)}")
    for name in ("train", "test"):
        if name not in path:
            raise ValueError(f"files by part, but none for {name}; accepted: train and test, and maybe validation")
    if part is not None:
        raise ValueError(f"files by part, and part column {part!r} as well; accepted: one of them")
    names = tuple(name for name in PARTS if name in path)
    return tuple(path[name] for name in names), names
