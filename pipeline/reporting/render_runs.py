"""Two runs compared, as a self-contained HTML page."""

from pipeline.reporting.page.fill import fill
from pipeline.reporting.runs import Difference, Figure, Runs
from pipeline.reporting.sections.tables import Cell, Table


def render_runs(runs: Runs, names: tuple[str, str]) -> str:
    """Writes the page, every text escaped.

    Args:
        runs: The comparison.
        names: What the runs are called, such as their folders.
    """
    return fill(
        "runs.html.j2",
        {
            "title": "Two runs compared",
            "names": names,
            "runs": runs,
            "settings": _differences("Settings that differ", "Setting", runs.settings),
            "surroundings": _differences("Versions and machines that differ", "What", runs.surroundings),
            "figures": [_figures(model, rows) for model, rows in runs.figures.items()],
            "totals": _figures("All stages", runs.totals),
        },
    )


def _differences(caption: str, what: str, found: list[Difference]) -> Table:
    rows = [[Cell(text) for text in each] for each in found]
    return Table(caption, [what, "First run", "Second run"], [False, False, False], rows)


def _figures(caption: str, found: list[Figure]) -> Table:
    rows = [[Cell(each.name), Cell(each.first), Cell(each.second, None, each.change, each.trend)] for each in found]
    return Table(caption, ["Figure", "First run", "Second run"], [False, True, True], rows)
