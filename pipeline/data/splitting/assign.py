"""Which part each example goes to."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import FREE, Placement, Targets
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sampling.draw import generator
from pipeline.data.splitting.cut import by_group, by_time
from pipeline.data.splitting.stratify import at_random, by_class

By = Literal["auto", "random", "stratified", "grouped", "time", "given"]

_KNOWN = {"given": "part", "grouped": "group", "time": "time"}


def assign(
    targets: Targets, placement: Placement, *, by: By = "auto", validation: float, test: float, seed: int
) -> np.ndarray:
    """Returns the part of each example, int8 of shape (n,), an index in PARTS.

    "given" leaves each example where its source puts it. A part that the source gives no example is drawn from its free
    examples or, where none is free, from those it gives to training; free examples that no part needs are trained on.
    Every other rule overrides what the source gives, and shares out all the examples: "random"; "stratified", each
    class in each part within one example of its exact share; "grouped", no group in two parts; "time", training first,
    test last, examples of one time in one part.

    Args:
        targets: Of the examples.
        placement: What the source knows of them.
        by: "auto" takes the first that the source knows of given, grouped and time; where it knows none of them, a
            classification is stratified and anything else random. The examples that "given" draws go by the same order.
        validation: The share of the examples shared out; ignored where the source gives a validation part.
        test: The same, for the test part.
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: When the rule can't be followed, or a share leaves a part empty.
    """
    if by not in get_args(By):
        raise ValueError(f"by={by!r} is unknown; {accepted(get_args(By))}{did_you_mean(str(by), get_args(By))}")
    rng, count = generator(seed), len(targets.values)
    given = placement.part if placement.part is not None and np.any(placement.part != FREE) else None
    known = {"given": given, "grouped": placement.group, "time": placement.time}
    if by in known and known[by] is None:
        raise ValueError(
            f"by={by}: the source doesn't know the {_KNOWN[by]} of its examples; accepted: a source that does, or "
            "by=random"
        )
    if given is not None and by in ("auto", "given"):
        parts, pool, missing = _given(given)
    else:
        parts, missing = np.zeros(count, np.int8), PARTS[1:]
        pool = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    rule = _rule(targets, placement) if by in ("auto", "given") else by
    if missing:
        shares = _shares({"validation": validation, "test": test}, missing)
        drawn = _draw(rule, pool, targets, placement, shares, rng)
        parts[pool] = np.array([0, *(PARTS.index(part) for part in missing)], np.int8)[drawn]
    return parts


def _rule(targets: Targets, placement: Placement) -> By:
    if placement.group is not None:
        return "grouped"
    if placement.time is not None:
        return "time"
    return "stratified" if targets.task == "classification" else "random"


def _given(part: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Returns the parts with free examples in training, the examples to share out, and the parts to share out to."""
    wrong = np.flatnonzero((part < FREE) | (part >= len(PARTS)))
    if len(wrong):
        raise ValueError(
            f"part {part[wrong[0]]} of example {wrong[0]}; accepted: 0 to {len(PARTS) - 1} ({', '.join(PARTS)}), "
            f"{FREE} for a free one"
        )
    missing = tuple(name for index, name in enumerate(PARTS) if index and not (part == index).any())
    pool = np.flatnonzero(part == FREE)
    if not len(pool):
        pool = np.flatnonzero(part == 0)
    if not len(pool):
        raise ValueError("the source gives every example to validation or test; accepted: some for training, or free")
    return np.where(part == FREE, 0, part).astype(np.int8), pool, missing


def _shares(wanted: dict[str, float], missing: Sequence[str]) -> np.ndarray:
    """Returns the shares of training and of the missing parts, which make 1."""
    shares = {part: wanted[part] for part in missing}
    for part, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{part} share {share}; accepted: more than 0 and less than 1")
    if sum(shares.values()) >= 1:
        named = " and ".join(f"{part} share {share}" for part, share in shares.items())
        raise ValueError(f"{named} leave nothing to train on; accepted: less than 1 in all")
    return np.array([1 - sum(shares.values()), *shares.values()])


def _draw(
    rule: By,
    pool: np.ndarray,
    targets: Targets,
    placement: Placement,
    shares: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns the index in `shares` of each example of the pool."""
    if rule == "random":
        return at_random(len(pool), shares, rng)
    if rule == "stratified":
        if targets.task != "classification":
            raise ValueError(f"by=stratified: the targets are of a {targets.task}; accepted: by=random")
        return by_class(targets.values[pool], targets.names, shares, rng)
    if rule == "grouped":
        assert placement.group is not None
        return by_group(placement.group[pool], shares, rng)
    assert placement.time is not None
    time = placement.time[pool]
    if np.isnan(time).any():
        unknown = pool[np.isnan(time)]
        raise ValueError(
            f"by=time: {len(unknown)} of {len(pool)} examples have no time (NaN), first example {unknown[0]}; "
            "accepted: a time for each"
        )
    return by_time(time, shares)
