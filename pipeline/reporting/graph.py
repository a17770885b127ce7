"""The order in which the stages of a run build on one another."""

from pipeline.reporting.document import Stage


def depths(stages: list[Stage]) -> list[tuple[Stage, int]]:
    """Orders stages so that each follows what it reads from.

    Args:
        stages: The stages; an input whose stage is not among them counts as given from outside.

    Returns:
        Each stage once with its depth: 0 without inputs, else one more than its deepest input. Stages of one depth
        keep their order.

    Raises:
        ValueError: If stages wait for each other in a circle.
    """
    waiting = {stage["name"]: stage for stage in stages}
    found: dict[str, int] = {}
    while waiting:
        ready = [name for name, stage in waiting.items() if not waiting.keys() & set(stage["inputs"].values())]
        if not ready:
            raise ValueError(f"stages {', '.join(waiting)} take their inputs from each other in a circle")
        for name in ready:
            sources = waiting[name]["inputs"].values()
            found[name] = max((found[source] + 1 for source in sources if source in found), default=0)
        for name in ready:
            del waiting[name]
    return sorted(((stage, found[stage["name"]]) for stage in stages), key=lambda pair: pair[1])


def upstream(stages: list[Stage], name: str) -> list[Stage]:
    """Returns a stage and all that it was made from, directly or not, in the order of `stages`."""
    by_name = {stage["name"]: stage for stage in stages}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        here = waiting.pop()
        if here in by_name and here not in found:
            found.add(here)
            waiting += by_name[here]["inputs"].values()
    return [stage for stage in stages if stage["name"] in found]
