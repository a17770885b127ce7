"""What the report shows of a training: its loss and metrics, epoch by epoch."""

from collections.abc import Mapping, Sequence

from pipeline.engine.stage import Exhibit


def curves_exhibit(history: Sequence[Mapping[str, float]], title: str = "training") -> Exhibit | None:
    """Returns the figures of each epoch, the validation part's beside the training part's; None of a single epoch.

    Args:
        history: As `fit` returns it.
        title: Of what.
    """
    if len(history) < 2:
        return None
    metrics = list(dict.fromkeys(name.removeprefix("val_") for name in history[0]))
    panels = []
    for metric in metrics:
        lines = {f"training {metric}": metric, f"validation {metric}": f"val_{metric}"}
        panels.append({column: name for column, name in lines.items() if name in history[0]})
    columns = {column: name for panel in panels for column, name in panel.items()}
    rows = [[epoch, *(each[name] for name in columns.values())] for epoch, each in enumerate(history, start=1)]
    return Exhibit(f"{title}, {len(history)} epochs", ["epoch", *columns], rows, lines=[list(each) for each in panels])
