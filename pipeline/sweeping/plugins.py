"""Frugal's launcher and sweepers as Hydra knows them; what they do is imported when one of them is chosen."""

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

HOME = "hydra_plugins.frugal"
"""The package of their names in `conf/`: Hydra takes no launcher or sweeper whose name begins otherwise."""


class Processes(Launcher):
    """Runs each job in a process of its own.

    Args:
        n_jobs: How many at a time.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what jobs are made of."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs a batch of jobs; those that fail are among what is returned."""
        from pipeline.sweeping.processes import launch

        return launch(self, job_overrides, initial_job_idx)


class Grid(Sweeper):
    """Hydra's basic sweeper, every combination of the values given, with a page on what came of it.

    Args:
        max_batch_size: How many jobs are handed to the launcher at once; None: all.
        params: What to sweep over, beside the command line.
        model: The model of each report that is compared; None: the last.
        objectives: The figures by which jobs are ranked.
    """

    def __init__(
        self, max_batch_size: int | None, params: dict[str, str] | None, model: str | None, objectives: Sequence[str]
    ) -> None:
        self.max_batch_size, self.params = max_batch_size, params
        self.model, self.objectives = model, list(objectives)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Sets Hydra's own sweeper up."""
        # Not a base class: Hydra runs that module anew when it looks for plugins, and then has another class.
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        self.config = config
        self.basic = BasicSweeper(self.max_batch_size, self.params)
        self.basic.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Runs all jobs, then writes `sweep.html` and `sweep.csv`."""
        from pipeline.sweeping.grid import sweep

        return sweep(self, arguments)


class Optuna(Sweeper):
    """Optuna proposes the values of each job from what the jobs before it came to.

    Args:
        settings: Those of `conf/hydra/sweeper/optuna.yaml`.
    """

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
        # Its own `register` would file them under the module that they are in, where it does not look for them.
        Plugins.instance().class_name_to_class[f"{HOME}.{plugin.__name__}"] = plugin
