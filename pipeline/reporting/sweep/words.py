"""A sweep in words, as its page and its line on the terminal show it."""

from collections import Counter
from collections.abc import Sequence

from pipeline.reporting.metrics import METRICS, QUALITY, Metric
from pipeline.reporting.sweep.document import Sweep, SweepJob
from pipeline.reporting.sweep.ranking import best_first, pareto_set


def metric_of(key: str, jobs: Sequence[SweepJob]) -> Metric:
    """Returns how a figure is named and written; `quality` is the first one of the jobs' task."""
    if key != "quality":
        return METRICS[key]
    tasks = sorted({job.task for job in jobs if job.task})
    if len(tasks) == 1:
        return QUALITY[tasks[0]][0]
    return METRICS["accuracy"]._replace(label="Accuracy, R² or F1", text=lambda value: f"{value:.4f}")


def headline(sweep: Sweep) -> str:
    """Says in one line how many jobs ended how, and which is best."""
    counts = Counter(job.status for job in sweep.jobs)
    order = [status for status in ("done", "failed", "stopped", "not run") if counts[status]]
    jobs = f"{len(sweep.jobs)} job{'s' if len(sweep.jobs) != 1 else ''}"
    said = f"{jobs}: {', '.join(f'{counts[status]} {status}' for status in order)}."
    if not sweep.judged:
        return said
    best = best_first(sweep)[0]
    key = sweep.objectives[0][0]
    metric = metric_of(key, sweep.jobs)
    of = f" ({named(best, sweep.settings)})" if best.settings else ""
    said += f" Best by {in_text(metric.label)}: job {best.number}{of}, {metric.text(best.figures[key])}."
    if len(sweep.objectives) > 1:
        front = pareto_set(sweep.judged, sweep.objectives)
        labels = ", ".join(in_text(metric_of(each, sweep.jobs).label) for each, _ in sweep.objectives)
        said += f" Pareto set of {labels}: {len(front)} of {len(sweep.judged)}."
    return said


def in_text(label: str) -> str:
    """Returns a label as it stands within a sentence."""
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def named(job: SweepJob, keys: Sequence[str]) -> str:
    """Returns a job's settings, by the shortest names that tell them apart."""
    short = short_names(keys)
    return ", ".join(f"{short[key]}={job.settings[key]}" for key in keys)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Returns the end of each dotted key that no other one has."""
    names = {}
    for key in keys:
        parts = key.split(".")
        lengths = range(1, len(parts) + 1)
        taken = [tuple(other.split(".")) for other in keys if other != key]
        own = next((n for n in lengths if all(each[-n:] != tuple(parts[-n:]) for each in taken)), len(parts))
        names[key] = ".".join(parts[-own:])
    return names
