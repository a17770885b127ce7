"""What a sweep came to: `sweep.html` and `sweep.csv` in its folder, a line for the terminal, and the exit code."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from pipeline.reporting.sweep.document import Sweep, SweepJob
from pipeline.sweeping import record
from pipeline.sweeping.figures import NoFigureError, more_is_better, objective_values, read_figures


@dataclass(frozen=True)
class View:
    """What is compared.

    Attributes:
        folder: The sweep's.
        model: Of each job's report; None: the last.
        objectives: Figures, the first of which ranks.
        at_a_time: How many jobs ran side by side on this machine.
        needed: Whether a job without the objectives has failed.
    """

    folder: Path
    model: str | None
    objectives: Sequence[str]
    at_a_time: int = 1
    needed: bool = False


def conclude(view: View, jobs: Mapping[int, Sequence[str]], config: DictConfig) -> int:
    """Writes the page and the table of a sweep.

    Args:
        view: What is compared.
        jobs: The overrides of each, by number.
        config: That of the sweep.

    Returns:
        The worst exit code among the jobs that did not succeed; 0 if all did, and of a dry run or an empty sweep.
    """
    from pipeline.reporting.render_sweep import render_sweep
    from pipeline.reporting.sweep.csv_file import write_csv
    from pipeline.reporting.sweep.words import headline

    if all(record.read(view.folder, number) is None for number in jobs):
        return 0
    varied = varying(jobs)
    found, codes = [], []
    for number, overrides in jobs.items():
        job, code = _job(view, number, overrides, varied)
        found.append(job)
        codes.append(code)
    if not config.dry_run:
        sweep = Sweep(
            title=str(config.name),
            command=shlex.join(["python", "-m", "pipeline", *sys.argv[1:]]),
            settings=varied,
            objectives=[(each, more_is_better(each)) for each in view.objectives],
            at_a_time=view.at_a_time,
            jobs=found,
        )
        write_csv(sweep, view.folder / "sweep.csv")
        (view.folder / "sweep.html").write_text(render_sweep(sweep))
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"\n{headline(sweep)}", markup=False)
        console.print(f"sweep: {view.folder / 'sweep.html'}", markup=False)
    return max(codes, default=0)


def varying(jobs: Mapping[int, Sequence[str]]) -> list[str]:
    """Returns the keys that do not have one value in all jobs, without Hydra's own, in the order of the command."""
    values: dict[str, set[str | None]] = {}
    settings = [_settings(overrides) for overrides in jobs.values()]
    for key in dict.fromkeys(key for each in settings for key in each):
        values[key] = {each.get(key) for each in settings}
    return [key for key, found in values.items() if len(found) > 1]


def _settings(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (each.partition("=") for each in overrides if not each.startswith(("hydra.", "hydra/")))
    return {key.lstrip("+~"): value for key, _, value in pairs}


def _job(view: View, number: int, overrides: Sequence[str], varied: Sequence[str]) -> tuple[SweepJob, int]:
    made = record.read(view.folder, number)
    settings = _settings(overrides)
    job = SweepJob(number, {key: settings.get(key, "") for key in varied})
    if made is None:
        return replace(job, status="not run", cause="the sweep ended before"), 1
    job = replace(job, folder=_relative(made.folder, view.folder), seconds=made.seconds)
    if made.status == "running":
        return replace(job, status="stopped", cause="it was stopped before it could say why"), 1
    if made.status == "failed":
        return replace(job, status="failed", cause=made.cause), max(1, made.exit_code)
    try:
        found = read_figures(Path(made.folder), view.model)
        if view.needed:
            objective_values(found, view.objectives)
    except NoFigureError as error:
        return replace(job, status="failed", cause=str(error)), 2
    if found is None:
        return job, 0
    page = next(iter(sorted(Path(made.folder).glob("*/report.html"))), None)
    shown = "" if page is None else _relative(str(page), view.folder)
    return replace(job, page=shown, model=found.model, task=found.task, figures=found.values), 0


def _relative(path: str, sweep: Path) -> str:
    whole = sweep.resolve()
    return str(Path(path).relative_to(whole)) if Path(path).is_relative_to(whole) else path
