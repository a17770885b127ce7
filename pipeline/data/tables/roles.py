"""What each column of a table is for: a feature of some type, the label, or where a row belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.data.hints import accepted, did_you_mean, shown

TaskChoice = Literal["auto", "classification", "regression", "multi_label"]
Role = Literal[
    "auto", "words", "numeric", "integer", "categorical", "label", "classes", "target", "bits", "group", "time", "part"
]

TASKS = ("auto", "classification", "regression", "multi_label")
KINDS = ("numeric", "integer", "categorical", "drop")
_LABEL_ROLES: dict[str, Role] = {"auto": "label", "classification": "classes", "regression": "target"}


@dataclass(frozen=True)
class Roles:
    """The columns that are read.

    Attributes:
        features: The features' names, in the source's order.
        labels: The label's name; several for a multi-label task.
        of: The role of each column that is read, in the source's order.
        group: The column that tells groups apart, if any.
        time: The column that orders the rows, if any.
        part: The column that names each row's part, if any.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    of: dict[str, Role]
    group: str | None
    time: str | None
    part: str | None


def assign_roles(
    names: Sequence[str],
    where: str,
    *,
    label: str | Sequence[str],
    task: TaskChoice = "auto",
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    part: str | None = None,
) -> Roles:
    """Returns the role of each column.

    Args:
        names: The columns that there are.
        where: The file, for messages.
        label: As the caller gave it, like all that follows.
        task: "auto" with several labels is multi-label.
        columns: The types of some features.
        group: A column.
        time: A column.
        part: A column.

    Raises:
        ValueError: On a column that there isn't, one with two roles, an unknown type or task, or no feature left.
    """
    labels = (label,) if isinstance(label, str) else tuple(label)
    kinds = dict(columns or {})
    label_role = _label_role(task, labels)
    special: dict[str, Role] = {}
    asked: list[tuple[str, Role, str]] = [(name, label_role, "label") for name in labels]
    places: dict[Role, str | None] = {"group": group, "time": time, "part": part}
    asked += [(name, role, role) for role, name in places.items() if name is not None]
    for name, role, noun in asked:
        if name not in names:
            raise ValueError(f"{where}: no {noun} column {name!r}; {accepted(names)}{did_you_mean(name, names)}")
        if name in special:
            raise ValueError(f"{where}: column {shown(name)} is asked for twice; accepted: one role for each column")
        special[name] = role
    _check_kinds(kinds, special, names, where)
    features = tuple(name for name in names if name not in special and kinds.get(name) != "drop")
    if not features:
        raise ValueError(f"{where}: no column is left as a feature; accepted: one or more")
    of: dict[str, Role] = {}
    for name in names:
        if name in special:
            of[name] = special[name]
        elif kinds.get(name) != "drop":
            of[name] = kinds.get(name, "auto")  # type: ignore[assignment]
    return Roles(features, labels, of, group, time, part)


def _label_role(task: str, labels: tuple[str, ...]) -> Role:
    if task not in TASKS:
        raise ValueError(f"task {task!r} is unknown; {accepted(TASKS)}{did_you_mean(task, TASKS)}")
    if not labels:
        raise ValueError("no label column is named; accepted: one, or several for a multi-label task")
    if task == "multi_label" or (task == "auto" and len(labels) > 1):
        return "bits"
    if len(labels) > 1:
        raise ValueError(f"{len(labels)} label columns for a {task}; accepted: one, or task: multi_label")
    return _LABEL_ROLES[task]


def _check_kinds(kinds: dict[str, str], special: Mapping[str, Role], names: Sequence[str], where: str) -> None:
    for name, kind in kinds.items():
        if name not in names:
            raise ValueError(
                f"{where}: columns: no column {name!r} to give a type; {accepted(names)}{did_you_mean(name, names)}"
            )
        if kind not in KINDS:
            raise ValueError(
                f"{where}: columns: type {kind!r} of {shown(name)} is unknown; "
                f"{accepted(KINDS)}{did_you_mean(kind, KINDS)}"
            )
        if name in special:
            raise ValueError(
                f"{where}: columns: {shown(name)} is given type {kind} but is no feature; accepted: features only"
            )
