"""Which jobs of a sweep are best: the Pareto set, and all of them in order."""

from collections.abc import Sequence

from pipeline.reporting.sweep.document import Sweep, SweepJob


def pareto_set(jobs: Sequence[SweepJob], objectives: Sequence[tuple[str, bool]]) -> set[int]:
    """Returns the numbers of the jobs that no other one beats in one figure without losing in another.

    Args:
        jobs: With every figure named.
        objectives: Figures, with whether more is better.
    """
    if not jobs:
        return set()
    import moocore

    values = [[job.figures[key] for key, _ in objectives] for job in jobs]
    kept = moocore.is_nondominated(values, maximise=[more for _, more in objectives], keep_weakly=True)
    return {job.number for job, each in zip(jobs, kept, strict=True) if each}


def best_first(sweep: Sweep) -> list[SweepJob]:
    """Returns all jobs: the Pareto set, then the other judged ones, each by the first objective; then the rest."""
    front = pareto_set(sweep.judged, sweep.objectives)
    judged = {job.number for job in sweep.judged}

    def place(job: SweepJob) -> tuple[int, list[float], int]:
        if job.number not in judged:
            return (2 if job.status == "done" else 3, [], job.number)
        figures = [-job.figures[key] if more else job.figures[key] for key, more in sweep.objectives]
        return (0 if job.number in front else 1, figures, job.number)

    return sorted(sweep.jobs, key=place)
