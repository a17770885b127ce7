"""A sweep as a table for other programs."""

import csv
from pathlib import Path

from pipeline.reporting.sweep.document import Sweep
from pipeline.reporting.sweep.ranking import best_first, pareto_set


def write_csv(sweep: Sweep, path: Path) -> None:
    """Writes a row for each job, best first: its settings, every figure of its report, and why it is not done."""
    front = pareto_set(sweep.judged, sweep.objectives)
    figures = list(dict.fromkeys(key for job in sweep.jobs for key in job.figures if key != "quality"))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["job", "status", "pareto", *sweep.settings, "model", *figures, "seconds", "folder", "cause"])
        for job in best_first(sweep):
            settings = [job.settings[key] for key in sweep.settings]
            values = [job.figures.get(key) for key in figures]
            facts = (round(job.seconds, 3), job.folder, job.cause)
            table.writerow([job.number, job.status, job.number in front, *settings, job.model, *values, *facts])
