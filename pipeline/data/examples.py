"""What a source returns: examples as they were found, not yet split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.data.dataset import ColumnKind, Task

FREE = -1
"""The part of an example whose source gives it none."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What a model is to predict.

    Attributes:
        values: One row for each example, as `Split.labels` has them.
        task: What they are.
        names: The name of each class or label; for a regression, the target's only.
    """

    values: np.ndarray
    task: Task
    names: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """An example left out because it couldn't be read.

    Attributes:
        where: The file, and where known its line or record.
        why: What is wrong with it, on one line.
    """

    where: str
    why: str


@dataclass(frozen=True, eq=False)
class Placement:
    """What a source knows about where its examples belong; each array has one entry for each example.

    Attributes:
        part: Int8, the index in PARTS, or FREE.
        group: Int64; examples of one group must not be on two sides.
        time: Any numbers that order the examples; NaN is refused.
    """

    part: np.ndarray | None = None
    group: np.ndarray | None = None
    time: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their targets.

    Attributes:
        features: Shape (n, h, w, c), uint8 or float32.
        targets: Of each.
        scale: They are to be divided by it.
        placement: Where they belong.
        skipped: Those left out.
    """

    features: np.ndarray
    targets: Targets
    scale: float
    placement: Placement = Placement()
    skipped: Sequence[Skipped] = ()


class Values(Protocol):
    """A column's values, in memory or in a file."""

    def __len__(self) -> int:
        """Returns how many they are."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Returns those from `start` to `stop - 1`."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Values in memory."""

    values: np.ndarray

    def __len__(self) -> int:
        """Returns how many they are."""
        return len(self.values)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Returns those from `start` to `stop - 1`."""
        return self.values[start:stop]


@dataclass(frozen=True, eq=False)
class TableColumn:
    """One column of a table as it was found.

    Attributes:
        name: Its name.
        kind: "numeric": float32, NaN where the value is missing. "categorical": int32, the index of its text in
            `words`, -1 where it is missing.
        values: One for each example.
        words: The texts of a categorical column.
    """

    name: str
    kind: ColumnKind
    values: Values
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A table with its targets.

    Attributes:
        columns: The features.
        targets: Of each row.
        placement: Where rows belong.
        skipped: Rows left out.
    """

    columns: tuple[TableColumn, ...]
    targets: Targets
    placement: Placement = Placement()
    skipped: Sequence[Skipped] = ()
