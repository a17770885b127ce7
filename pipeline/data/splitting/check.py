"""What is wrong with a split, before anything is made of it."""

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import Placement, Targets


def check_parts(targets: Targets, placement: Placement, parts: np.ndarray) -> None:
    """Refuses a split that can't be learned from or would flatter the model.

    Args:
        targets: Of the examples.
        placement: What the source knows of them.
        parts: The index in PARTS of each.

    Raises:
        ValueError: When a part is empty, a group is in two parts, or a class or label of the validation or test part is
            not in the training part.
    """
    for index, part in enumerate(PARTS):
        if not (parts == index).any():
            raise ValueError(f"{part} part: none of {len(parts)} examples; accepted: one or more")
    if placement.group is not None:
        _check_groups(placement.group, parts)
    if targets.task != "regression":
        _check_classes(targets, parts)


def _check_groups(groups: np.ndarray, parts: np.ndarray) -> None:
    _, first, block = np.unique(groups, return_index=True, return_inverse=True)
    strays = np.flatnonzero(parts != parts[first[block]])
    if len(strays):
        stray = strays[0]
        here, count = first[block[stray]], len(np.unique(block[strays]))
        raise ValueError(
            f"{count} of {len(first)} groups are on both sides, as group {groups[stray]} with example {here} in "
            f"{PARTS[parts[here]]} and example {stray} in {PARTS[parts[stray]]}; accepted: a group in one part only, "
            "as by=grouped makes them"
        )


def _check_classes(targets: Targets, parts: np.ndarray) -> None:
    counts = np.array([_class_counts(targets, parts == index) for index in range(len(PARTS))])
    for index in range(1, len(PARTS)):
        unseen = np.flatnonzero((counts[index] > 0) & (counts[0] == 0))
        if len(unseen):
            more = f" (and {len(unseen) - 1} more)" if len(unseen) > 1 else ""
            kind = "class" if targets.task == "classification" else "label"
            raise ValueError(
                f"{kind} {targets.names[unseen[0]]!r}{more}: examples in the {PARTS[index]} part, "
                f"{counts[index, unseen[0]]}, and none in the training part; accepted: one or more to train on"
            )


def _class_counts(targets: Targets, chosen: np.ndarray) -> np.ndarray:
    if targets.task == "classification":
        return np.bincount(targets.values[chosen], minlength=len(targets.names))
    return targets.values[chosen].sum(axis=0, dtype=np.int64)
