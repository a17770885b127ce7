"""The plain data that the page of a sweep is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SweepJob:
    """A job of a sweep.

    Attributes:
        number: From 0.
        settings: What sets it apart from the others, by key, as they are written on the command line.
        status: done, failed, stopped or not run.
        cause: Why it is not done.
        folder: Its output folder, from that of the sweep.
        page: Its report, from the sweep's folder.
        seconds: How long it took, what it reused not counted.
        model: Whose figures are compared.
        task: What the model does, such as classification.
        figures: Those of the report, by name; `quality` is the first of the task.
    """

    number: int
    settings: Mapping[str, str]
    status: str = "done"
    cause: str = ""
    folder: str = ""
    page: str = ""
    seconds: float = 0.0
    model: str = ""
    task: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """A whole sweep.

    Attributes:
        title: Of the experiment.
        command: What started it.
        settings: The keys that vary.
        objectives: Figures by which jobs are ranked, with whether more is better.
        at_a_time: How many jobs ran side by side on one machine.
        jobs: In the order of their numbers.
    """

    title: str
    command: str
    settings: Sequence[str]
    objectives: Sequence[tuple[str, bool]]
    at_a_time: int
    jobs: Sequence[SweepJob]

    @property
    def judged(self) -> list[SweepJob]:
        """The jobs that have all figures by which they are ranked."""
        return [job for job in self.jobs if all(key in job.figures for key, _ in self.objectives)]
