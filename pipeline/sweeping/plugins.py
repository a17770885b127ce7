"""Frugal's launcher and sweepers as Hydra knows them; what they do is imported when one of them is chosen."""

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

# Hydra makes launchers and sweepers only of classes that say they are from here.
_HOME = "hydra_plugins.frugal"


class Processes(Launcher):
    """Runs each job in a process of its own.

    Args:
        n_jobs: How many at a time.
    """

    __module__ = _HOME

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what jobs are made of."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs a batch of jobs; those that fail are among what is returned."""
        from pipeline.sweeping.processes import launch

        return launch(self, job_overrides, initial_job_idx)


class Grid(BasicSweeper):
    """Hydra's basic sweeper, every combination of the values given, with a page on what came of it.

    Args:
        max_batch_size: How many jobs are handed to the launcher at once; None: all.
        params: What to sweep over, beside the command line.
        model: The model of each report that is compared; None: the last.
        objectives: The figures by which jobs are ranked.
    """

    __module__ = _HOME

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None,
        model: str | None,
        objectives: Sequence[str],
    ) -> None:
        super().__init__(max_batch_size, params)
        self.model, self.objectives = model, list(objectives)

    def sweep(self, arguments: list[str]) -> Any:
        """Runs all jobs, then writes `sweep.html` and `sweep.csv`."""
        from pipeline.sweeping.grid import sweep

        return sweep(self, super().sweep, arguments)


class Optuna(Sweeper):
    """Optuna proposes the values of each job from what the jobs before it came to.

    Args:
        settings: Those of `conf/hydra/sweeper/optuna.yaml`.
    """

    __module__ = _HOME

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what jobs are made of."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the trials that the study lacks, then writes `sweep.html` and `sweep.csv`."""
        from pipeline.sweeping.optuna_sweep import sweep

        return sweep(self, arguments)


def register() -> None:
    """Makes them known to Hydra."""
    for plugin in (Processes, Grid, Optuna):
        Plugins.instance().register(plugin)
