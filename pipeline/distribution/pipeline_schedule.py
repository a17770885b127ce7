"""In which order each stage of a pipeline does its forward and backward passes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

SCHEDULES = ("gpipe", "1f1b")


class Task(NamedTuple):
    """One pass of one micro-batch through one stage.

    Attributes:
        stage: From 0.
        micro_batch: From 0.
        forward: Whether it is the forward pass; else the backward one.
    """

    stage: int
    micro_batch: int
    forward: bool


def order(schedule: str, stages: int, micro_batches: int) -> list[Task]:
    """Returns all passes of a step, each behind those that it needs; a stage does its own in the order of the list.

    Args:
        schedule: "gpipe": all forward passes, then all backward ones (Huang et al., arXiv:1811.06965). "1f1b": a stage
            starts with as many forward passes as stages follow it, then does one forward and one backward in turn, so
            that it never holds the activations of more micro-batches than there are stages (Narayanan et al.,
            arXiv:1806.03377, with one update a batch as in arXiv:2104.04473).
        stages: How many.
        micro_batches: How many a batch is cut into.

    Raises:
        ValueError: If the schedule is unknown.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule={schedule}; accepted: {', '.join(SCHEDULES)}")
    own: Callable[[int], list[Task]] = lambda stage: _own(schedule, stage, stages, micro_batches)  # noqa: E731
    waiting = [own(stage) for stage in range(stages)]
    done: dict[Task, None] = {}
    while any(waiting):
        for tasks in waiting:
            if tasks and _needs(tasks[0], stages) <= done.keys():
                done[tasks.pop(0)] = None
    return list(done)


def most_held(tasks: Sequence[Task], stage: int) -> int:
    """Returns how many micro-batches a stage holds between their forward and their backward passes at most."""
    held = most = 0
    for task in tasks:
        if task.stage == stage:
            held += 1 if task.forward else -1
            most = max(most, held)
    return most


def _own(schedule: str, stage: int, stages: int, micro_batches: int) -> list[Task]:
    forward = [Task(stage, each, forward=True) for each in range(micro_batches)]
    backward = [Task(stage, each, forward=False) for each in range(micro_batches)]
    if schedule == "gpipe":
        return forward + backward
    first = min(micro_batches, stages - 1 - stage)
    steady = [task for pair in zip(forward[first:], backward, strict=False) for task in pair]
    return [*forward[:first], *steady, *backward[micro_batches - first :]]


def _needs(task: Task, stages: int) -> set[Task]:
    """Returns what must be done before, but for the stage's own tasks."""
    stage, micro_batch, forward = task
    if forward:
        return {Task(stage - 1, micro_batch, True)} if stage else set()
    after = Task(stage + 1, micro_batch, False) if stage < stages - 1 else Task(stage, micro_batch, True)
    return {after}
