"""What the stages of a run cost, in resources and in money."""

from pipeline.reporting.document import Cost, Document


def stage_money(cost: Cost, per_core_hour: float) -> float:
    """Prices a stage: core_seconds / 3600 * per_core_hour, in the currency of the price.

    Raises:
        ValueError: If the price is negative.
    """
    if per_core_hour < 0:
        raise ValueError(f"per_core_hour={per_core_hour} is negative: accepted are 0 or more")
    return cost["core_seconds"] / 3600 * per_core_hour


def total_cost(document: Document) -> Cost:
    """Adds up what all stages consumed, whichever run they were made in; peak memory is the largest of them."""
    costs = [stage["cost"] for stage in document["stages"]]
    return {
        "wall_seconds": sum(cost["wall_seconds"] for cost in costs),
        "core_seconds": sum(cost["core_seconds"] for cost in costs),
        "peak_bytes": max((cost["peak_bytes"] for cost in costs), default=0),
        "bytes_read": sum(cost["bytes_read"] for cost in costs),
        "bytes_written": sum(cost["bytes_written"] for cost in costs),
        "attempts": sum(cost["attempts"] for cost in costs),
    }


def total_money(document: Document) -> float:
    """Prices all stages together.

    Raises:
        ValueError: If the price is negative.
    """
    return stage_money(total_cost(document), document["per_core_hour"])
