"""A sweep as a self-contained HTML page."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pipeline.reporting.charts.pareto import pareto_chart
from pipeline.reporting.figures import format_seconds
from pipeline.reporting.page.fill import fill
from pipeline.reporting.sections.exhibits import bar_length
from pipeline.reporting.sections.tables import Cell, Table
from pipeline.reporting.sweep.document import Sweep, SweepJob
from pipeline.reporting.sweep.importance import importance
from pipeline.reporting.sweep.ranking import best_first, pareto_set
from pipeline.reporting.sweep.words import headline, in_text, metric_of, named, short_names

DRAWN = ("deflated_bytes", "latency_p50")
"""Figures that the quality is drawn against; of each, less is better."""

ALWAYS = ("quality", *DRAWN, "core_seconds")
"""Figures that the table shows beside those that the sweep is ranked by."""

Column = tuple[str, bool, Callable[[SweepJob], Cell]]
"""Of a table of jobs: its name, whether it stands to the right, and what it has of a job."""


def render_sweep(sweep: Sweep) -> str:
    """Writes the page, every text escaped."""
    from markupsafe import Markup

    short = short_names(sweep.settings)
    matter = importance(sweep)
    ranked = [f"{metric_of(key, sweep.jobs).label} ({_better(more)} is better)" for key, more in sweep.objectives]
    values = {
        "title": f"{sweep.title}: sweep of {', '.join(short.values()) or 'one job'}",
        "headline": headline(sweep),
        "charts": [chart for key in DRAWN if (chart := _chart(sweep, key))],
        "jobs": _jobs(sweep),
        "ranked": ", ".join(ranked) if sweep.judged else "",
        "models": sorted({job.model for job in sweep.judged}),
        "shortened": {name: key for key, name in short.items() if name != key},
        "lost": _lost(sweep),
        "importance": _importance(sweep, matter.shares) if matter.shares else None,
        "no_importance": matter.missing,
        "at_a_time": sweep.at_a_time,
        "command": sweep.command,
    }
    return fill("sweep.html.j2", values, draw=Markup)  # charts escape their texts


def _better(more: bool) -> str:
    return "more" if more else "less"


def _chart(sweep: Sweep, key: str) -> dict[str, str] | None:
    jobs = [job for job in sweep.jobs if "quality" in job.figures and key in job.figures]
    if len(jobs) < 2:
        return None
    across, up = metric_of(key, jobs), metric_of("quality", jobs)
    front = pareto_set(jobs, [(key, False), ("quality", True)])
    best = sorted((job for job in jobs if job.number in front), key=lambda job: job.figures[key])
    said = [f"job {job.number}: {up.text(job.figures['quality'])} at {across.text(job.figures[key])}" for job in best]
    title, words = f"{up.label} against {in_text(across.label)}", "; ".join(said)
    (x_label, x_scale), (y_label, y_scale) = across.axis, up.axis
    svg = pareto_chart(
        {job.number: (x_scale * job.figures[key], y_scale * job.figures["quality"]) for job in jobs},
        front,
        x_label=x_label,
        y_label=y_label,
        alternative=f"{title} of {len(jobs)} jobs. Pareto set: {words}.",
    )
    return {"title": title, "svg": svg, "words": words}


def _jobs(sweep: Sweep) -> Table | None:
    done = [job for job in best_first(sweep) if job.status == "done"]
    front = pareto_set(sweep.judged, sweep.objectives)
    columns: list[Column] = [("Job", False, _number)]
    if sweep.judged:
        columns.append(("Pareto set", False, lambda job: Cell("yes" if job.number in front else "no")))
    if len({job.model for job in sweep.judged}) > 1:
        columns.append(("Model", False, lambda job: Cell(job.model)))
    columns += [(name, False, partial(_setting, key)) for key, name in short_names(sweep.settings).items()]
    for label, key in _shown(sweep).items():
        columns.append((label, True, partial(_figure, key, metric_of(key, sweep.jobs).text)))
    columns.append(("Time", True, lambda job: Cell(format_seconds(job.seconds), job.seconds)))
    return _table("Jobs that are done, best first", columns, done)


def _lost(sweep: Sweep) -> Table | None:
    columns: list[Column] = [
        ("Job", False, _number),
        ("Settings", False, lambda job: Cell(named(job, sweep.settings))),
        ("Status", False, lambda job: Cell(job.status)),
        ("Cause", False, lambda job: Cell(job.cause)),
    ]
    return _table("Jobs that are not done", columns, [job for job in sweep.jobs if job.status != "done"])


def _table(caption: str, columns: Sequence[Column], jobs: Sequence[SweepJob]) -> Table | None:
    if not jobs:
        return None
    names, numbers, cells = zip(*columns, strict=True)
    return Table(caption, names, numbers, [[cell(job) for cell in cells] for job in jobs])


def _number(job: SweepJob) -> Cell:
    return Cell(str(job.number), job.number, link=job.page)


def _setting(key: str, job: SweepJob) -> Cell:
    text = job.settings[key]
    try:
        return Cell(text, float(text))
    except ValueError:
        return Cell(text)


def _figure(key: str, text: Callable[[float], str], job: SweepJob) -> Cell:
    return Cell(text(job.figures[key]), job.figures[key]) if key in job.figures else Cell("")


def _shown(sweep: Sweep) -> dict[str, str]:
    """Returns the figures of the table by label: those it is ranked by, then the usual ones, none of them twice."""
    labels: dict[str, str] = {}
    for key in (*(key for key, _ in sweep.objectives), *ALWAYS):
        if any(key in job.figures for job in sweep.jobs):
            labels.setdefault(metric_of(key, sweep.jobs).label, key)
    return labels


def _importance(sweep: Sweep, shares: Mapping[str, float]) -> Table:
    figure = metric_of(sweep.objectives[0][0], sweep.jobs).label
    rows: list[list[Any]] = [
        [Cell(key, length=bar_length(share, 1.0)), Cell(f"{100 * share:.0f}%", share)] for key, share in shares.items()
    ]
    return Table(f"Share of the variance of {figure}, by setting", ["Setting", "Share"], [False, True], rows)
