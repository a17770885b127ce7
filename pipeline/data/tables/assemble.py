"""A table from gathered columns: features by their types, targets by their task, and where each row belongs."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, Placement, Skipped, Table, TableColumn, Targets
from pipeline.data.sources.csv_labels import MOST_CLASSES, encode
from pipeline.data.tables.cells import Sort
from pipeline.data.tables.gather import Gathered
from pipeline.data.tables.roles import Roles
from pipeline.data.tables.rules import MOST_WORDS, MOST_WORDS_ASKED
from pipeline.data.tables.store import OnDisk


def assemble(
    roles: Roles,
    gathered: Mapping[str, Gathered],
    where: str,
    *,
    placement: Placement,
    skipped: Sequence[Skipped],
) -> Table:
    """Returns the table of columns whose cells have been found without fault.

    Args:
        roles: What each column is for.
        gathered: Each column.
        where: The files, for messages.
        placement: What is known besides the columns for groups, times and parts.
        skipped: Rows left out.

    Raises:
        ValueError: When a feature has no value or too many texts, or the label isn't one of a task.
    """
    features = tuple(_feature(name, gathered[name], where) for name in roles.features)
    return Table(features, _targets(roles, gathered, where), _placement(roles, gathered, placement), tuple(skipped))


def _feature(name: str, column: Gathered, where: str) -> TableColumn:
    if column.counts.sum() == column.counts[[Sort.BLANK, Sort.MISSING]].sum():
        raise ValueError(f"{where}: column {name!r} has no value in any row; accepted: columns: {{{name}: drop}}")
    if column.is_numeric():
        return TableColumn(name, "numeric", column.values())
    if column.words is not None:
        return TableColumn(name, "categorical", column.codes(), tuple(column.words))
    if column.role == "categorical":
        raise ValueError(
            f"{where}: column {name!r} has more than {MOST_WORDS_ASKED} distinct texts; "
            f"accepted: columns: {{{name}: drop}}"
        )
    raise ValueError(
        f"{where}: column {name!r} has more than {MOST_WORDS} distinct texts; "
        f"accepted: columns: {{{name}: drop}}, or {{{name}: categorical}} for up to {MOST_WORDS_ASKED}"
    )


def _targets(roles: Roles, gathered: Mapping[str, Gathered], where: str) -> Targets:
    columns = [gathered[name] for name in roles.labels]
    if columns[0].role == "bits":
        values = [_all(column.values()).astype(np.uint8) for column in columns]
        return Targets(np.stack(values, axis=1), "multi_label", roles.labels)
    (name,), (column,) = roles.labels, columns
    if column.is_numeric():
        return Targets(_all(column.values()), "regression", (name,))
    if column.words is None:
        raise ValueError(
            f"{where}: column {name!r} has over {MOST_CLASSES} distinct labels, as a regression target has; "
            f"accepted: up to {MOST_CLASSES} classes, or task: regression where they are numbers"
        )
    ranks, names = encode(np.array(list(column.words), object), f"{where}: column {name!r}")
    return Targets(ranks[_all(column.codes())], "classification", names)


def _placement(roles: Roles, gathered: Mapping[str, Gathered], known: Placement) -> Placement:
    group = None if roles.group is None else _all(gathered[roles.group].codes()).astype(np.int64)
    time = None if roles.time is None else _all(gathered[roles.time].values())
    part = known.part
    if roles.part is not None:
        part = _all(gathered[roles.part].values()).astype(np.int8)
        if len(np.unique(part)) < len(PARTS):
            # A part that no row is in is drawn from the training rows, as with files for some parts only.
            part[part == PARTS.index("train")] = FREE
    return Placement(part, group, time)


def _all(column: OnDisk) -> np.ndarray:
    return column.read(0, len(column))
