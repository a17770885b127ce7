"""How a source is to be read, whichever it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OnError = Literal["raise", "skip"]
TaskSetting = Literal["auto", "classification", "regression", "multi_label"]


@dataclass(frozen=True)
class Reading:
    """How a source is to be read.

    Attributes:
        scratch: A folder for what doesn't fit in memory; it is gone after the stage.
        on_error: Whether an example that can't be read ends the run, or is left out and listed.
        progress: Called with how many examples or files are done, of how many.
    """

    scratch: Path
    on_error: OnError
    progress: Callable[[int, int], None]
