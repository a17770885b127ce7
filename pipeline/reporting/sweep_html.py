"""A sweep as one self-contained HTML page: no script, no request, light and dark."""

from pathlib import Path
from typing import Any

from pipeline.reporting.sweep_charts import importance_chart, pareto_chart, points_in_words
from pipeline.reporting.sweep_document import Sweep
from pipeline.reporting.sweep_importance import importance
from pipeline.reporting.sweep_ranking import pareto_set
from pipeline.reporting.sweep_view import headline, in_text, metric_of, named, rows, short_names, shown_figures

_TEMPLATE = "sweep.html.j2"
DRAWN = ("deflated_bytes", "latency_p50")
"""Figures that the quality is drawn against; of each, less is better."""


def render_sweep(sweep: Sweep) -> str:
    """Writes the page, every text escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    short = short_names(sweep.settings)
    matter = importance(sweep)
    return environment.get_template(_TEMPLATE).render(
        title=f"{sweep.title}: sweep of {', '.join(short.values()) or 'one job'}",
        headline=headline(sweep),
        charts=[chart for key in DRAWN if (chart := _chart(sweep, key))],
        settings=list(short.items()),
        labels=[metric_of(key, sweep.jobs).label for key in shown_figures(sweep)],
        objectives=", ".join(
            f"{metric_of(key, sweep.jobs).label} ({'more' if more else 'less'} is better)"
            for key, more in sweep.objectives
        ),
        rows=rows(sweep),
        judged=bool(sweep.judged),
        one_model=len({job.model for job in sweep.judged}) < 2,
        lost=[
            {"job": job.number, "settings": named(job, sweep.settings), "status": job.status, "cause": job.cause}
            for job in sweep.jobs
            if job.status != "done"
        ],
        importance=_importance(sweep, matter.shares) if matter.shares else None,
        no_importance=matter.missing,
        at_a_time=sweep.at_a_time,
        command=sweep.command,
    )


def _chart(sweep: Sweep, key: str) -> dict[str, Any] | None:
    from markupsafe import Markup

    jobs = [job for job in sweep.jobs if "quality" in job.figures and key in job.figures]
    if len(jobs) < 2:
        return None
    across, up = metric_of(key, jobs), metric_of("quality", jobs)
    front = pareto_set(jobs, [(key, False), ("quality", True)])
    points = {job.number: (job.figures[key], job.figures["quality"]) for job in jobs}
    texts = {number: (across.text(x), up.text(y)) for number, (x, y) in points.items()}
    ordered = sorted(front, key=lambda number: points[number])
    words = points_in_words(texts, ordered)
    title = f"{up.label} against {in_text(across.label)}"
    svg = pareto_chart(
        points,
        front,
        x_label=across.label,
        y_label=up.label,
        x_text=across.text,
        y_text=up.text,
        base=2 if key == "deflated_bytes" else 10,
        alternative=f"{title} of {len(jobs)} jobs. Pareto set: {words}.",
    )
    return {"title": title, "svg": Markup(svg), "words": words}  # the chart escapes its texts


def _importance(sweep: Sweep, shares: dict[str, float]) -> dict[str, Any]:
    from markupsafe import Markup

    short = short_names(sweep.settings)
    named_shares = {short[key]: share for key, share in shares.items()}
    words = ", ".join(f"{name} {100 * share:.0f} %" for name, share in named_shares.items())
    figure = metric_of(sweep.objectives[0][0], sweep.jobs).label
    svg = importance_chart(named_shares, f"Share of the variance of {figure} by setting: {words}")
    return {"figure": figure, "svg": Markup(svg), "words": words}
