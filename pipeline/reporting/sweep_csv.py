"""A sweep as a table for other programs."""

from pathlib import Path

from pipeline.reporting.sweep_document import Sweep
from pipeline.reporting.sweep_ranking import best_first, pareto_set


def write_csv(sweep: Sweep, path: Path) -> None:
    """Writes a row for each job, best first: its settings, every figure of its report, and why it is not done."""
    import pandas as pd

    front = pareto_set(sweep.judged, sweep.objectives)
    figures = list(dict.fromkeys(key for job in sweep.jobs for key in job.figures if key != "quality"))
    table = pd.DataFrame(
        [
            {
                "job": job.number,
                "status": job.status,
                "pareto": job.number in front,
                **job.settings,
                "model": job.model,
                **{key: job.figures.get(key) for key in figures},
                "seconds": round(job.seconds, 3),
                "folder": job.folder,
                "cause": job.cause,
            }
            for job in best_first(sweep)
        ]
    )
    table.to_csv(path, index=False)
