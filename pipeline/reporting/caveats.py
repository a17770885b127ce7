"""What a reader must know before trusting the comparison."""

from pipeline.reporting.document import Document, Measurement, measurement_of


def caveats(document: Document) -> list[str]:
    """Lists, one line each, what makes figures of the models hard to compare or incomplete.

    Raises:
        ValueError: If `before` is not among the models.
    """
    before = measurement_of(document, document["before"])
    found = []
    for model in document["models"]:
        name, after = model["name"], model["measurement"]
        found += unlike(name, after, document["before"], before)
        if after["uncounted_ops"]:
            found.append(f"Operations of {name} leave out {', '.join(after['uncounted_ops'])}, which have no rule.")
    if document["per_core_hour"] == 0:
        found.append("The price per core-hour is 0, so all money is 0.")
    return found


def unlike(name: str, after: Measurement, other: str, before: Measurement) -> list[str]:
    """Lists, one line each, under which other conditions a model was measured than another."""
    found = []
    if after["examples"] != before["examples"]:
        found.append(
            f"{name} was tested on {after['examples']:,} examples, {other} on {before['examples']:,}: "
            "their accuracies are not comparable."
        )
    for key, now, was in (
        ("threads", after["threads"], before["threads"]),
        ("interpreter", after["interpreter"], before["interpreter"]),
        ("cpu", after["cpu"], before["cpu"]),
    ):
        if now != was:
            found.append(
                f"{name} was measured with {key} {now}, {other} with {was}: their latencies are not comparable."
            )
    return found
