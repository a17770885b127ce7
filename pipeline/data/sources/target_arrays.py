"""Targets from an array of labels: what they are is seen from their type and shape, or stated."""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np

from pipeline.data.dataset import Task
from pipeline.data.examples import Targets
from pipeline.data.hints import accepted, did_you_mean, shown

_MOST_CLASSES = 1000
_LARGEST = float(np.finfo(np.float32).max)


def targets_from(
    values: np.ndarray,
    *,
    where: str,
    task: Task | None = None,
    names: Sequence[str] = (),
    place: Callable[[int], str] = "example {}".format,
) -> Targets:
    """Returns the targets: whole numbers, truth values and texts are classes, fractions a regression, 0 and 1 labels.

    Args:
        values: Shape (n,) or (n, 1), or (n, labels) with 0 and 1; for a stated classification also one-hot rows.
        where: What the labels are from, for messages.
        task: When it isn't to be seen from the values.
        names: Of each class from 0, of each label, or of a regression's target; by default the classes found.
        place: Says where the label of an index is, for messages.

    Raises:
        ValueError: When the labels are none of these, or not whole, finite and in range as their task requires.
    """
    if task is not None and task not in get_args(Task):
        raise ValueError(f"{where}: task {task!r}; {accepted(get_args(Task))}{did_you_mean(task, get_args(Task))}")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise ValueError(f"{where}: names {list(names)}; accepted: texts, each once")
    values = _text(values, where)
    if values.ndim not in (1, 2) or 0 in values.shape or values.dtype.kind not in "biufU":
        raise ValueError(
            f"{where}: labels of dtype {values.dtype} and shape {values.shape}; "
            "accepted: numbers or texts of shape (n,), or 0 and 1 of shape (n, labels)"
        )
    if values.ndim == 2 and values.shape[1] == 1 and task != "multi_label":
        values = values[:, 0]
    if values.dtype.kind == "f":
        _require(np.isfinite(values), values, where, place, "finite numbers")
    task = task or _task(values, where)
    make = {"classification": _classes, "regression": _regression, "multi_label": _multi_label}[task]
    return make(values, where, tuple(names), place)


def _text(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: label {shown(str(error.object))} isn't UTF-8 text; accepted: UTF-8") from error


def _require(good: np.ndarray, values: np.ndarray, where: str, place: Callable[[int], str], wanted: str) -> None:
    """Raises ValueError on the first label that isn't good."""
    wrong = np.argwhere(~good)
    if len(wrong):
        value = values[tuple(wrong[0])]
        said = shown(str(value)) if values.dtype.kind == "U" else str(value)
        raise ValueError(
            f"{where}: {place(int(wrong[0][0]))}: label {said} ({len(wrong)} such in all); accepted: {wanted}"
        )


def _task(values: np.ndarray, where: str) -> Task:
    if values.ndim == 1:
        return "regression" if values.dtype.kind == "f" else "classification"
    if values.dtype.kind != "U" and np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all():
        raise ValueError(
            f"{where}: each row of labels has a single 1, so they may be classes or labels; "
            "accepted: such rows with task classification or multi_label stated"
        )
    return "multi_label"


def _classes(values: np.ndarray, where: str, names: tuple[str, ...], place: Callable[[int], str]) -> Targets:
    if values.ndim == 2:
        one_hot = np.isin(values, (0, 1)).all(axis=1) & (np.count_nonzero(values == 1, axis=1) == 1)
        _require(one_hot, np.array([str(row) for row in values]), where, place, "rows with a single 1, else 0")
        names = names or tuple(str(index) for index in range(values.shape[1]))
        if len(names) != values.shape[1]:
            raise ValueError(f"{where}: rows of {values.shape[1]} for {len(names)} class names; accepted: one for each")
        values = values.argmax(axis=1)
    if values.dtype.kind == "f":
        _require((values % 1 == 0) & (np.abs(values) < 2**53), values, where, place, "whole numbers, as classes are")
        values = values.astype(np.int64)
    codes, names = _known(values, where, names, place) if names else _found(values, where, place)
    if len(names) < 2:
        raise ValueError(f"{where}: every label is {shown(names[0])}; accepted: two or more classes")
    return Targets(codes.astype(np.int32), "classification", names)


def _known(
    values: np.ndarray, where: str, names: tuple[str, ...], place: Callable[[int], str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.dtype.kind == "U":
        _require(np.isin(values, names), values, where, place, ", ".join(names))
        order = np.argsort(names)
        return order[np.searchsorted(np.array(names)[order], values)], names
    within = (values >= 0) & (values < len(names))
    _require(within, values, where, place, f"0 to {len(names) - 1}, for {len(names)} class names")
    return values, names


def _found(values: np.ndarray, where: str, place: Callable[[int], str]) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.dtype.kind == "U":
        _require(np.char.strip(values) != "", values, where, place, "a text in each")
    found, codes = np.unique(values, return_inverse=True)
    if len(found) > _MOST_CLASSES:
        raise ValueError(
            f"{where}: {len(found)} distinct labels, as a regression target has; "
            f"accepted: up to {_MOST_CLASSES} classes, or task regression"
        )
    return codes, tuple(str(name) for name in found)


def _regression(values: np.ndarray, where: str, names: tuple[str, ...], place: Callable[[int], str]) -> Targets:
    if values.ndim != 1 or values.dtype.kind == "U" or len(names) > 1:
        raise ValueError(
            f"{where}: targets of dtype {values.dtype} and shape {values.shape} for {len(names)} names; "
            "accepted: one number for each example"
        )
    _require(np.abs(values.astype(np.float64)) <= _LARGEST, values, where, place, f"numbers up to {_LARGEST:.4g}")
    return Targets(values.astype(np.float32), "regression", names or ("target",))


def _multi_label(values: np.ndarray, where: str, names: tuple[str, ...], place: Callable[[int], str]) -> Targets:
    if values.ndim != 2 or values.dtype.kind == "U":
        raise ValueError(
            f"{where}: labels of dtype {values.dtype} and shape {values.shape}; accepted: 0 and 1 of shape (n, labels)"
        )
    _require(np.isin(values, (0, 1)), values, where, place, "0 or 1 in each column")
    names = names or tuple(str(index) for index in range(values.shape[1]))
    if len(names) != values.shape[1]:
        raise ValueError(f"{where}: {values.shape[1]} labels for {len(names)} names; accepted: one for each")
    return Targets(values.astype(np.uint8), "multi_label", names)
