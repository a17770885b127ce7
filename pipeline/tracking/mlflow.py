"""MLflow: one run a job, in a SQLite file and a folder of files; no server is needed, and nothing is sent anywhere."""

import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import portalocker

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # it reports usage to its makers otherwise

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from sqlalchemy.exc import SQLAlchemyError

from pipeline.tracking.tracker import End, Tracked

BATCH = 100
"""Parameters that one call takes."""

LONGEST = 6000
"""Characters of a parameter."""

SWEEP = "frugal.sweep"
STATUS = {"finished": RunStatus.FINISHED, "failed": RunStatus.FAILED, "interrupted": RunStatus.KILLED}


class Mlflow:
    """Tracks one run: `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`.

    Metrics are `stage/metric` by epoch and `model/figure`. The jobs of a sweep are children of one run.

    Args:
        folder: Has the store, `mlflow.db`, and below `artifacts/` the files; it is made when it does not exist.
        run: What it is.

    Raises:
        ValueError: If the store can't be opened or made, or takes no runs of this name.
    """

    def __init__(self, folder: Path, run: Tracked) -> None:
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._open(folder, run)
        except (MlflowException, SQLAlchemyError) as error:
            raise ValueError(str(error).partition("\n")[0]) from error

    def epoch(self, stage: str, number: int, metrics: Mapping[str, float]) -> None:
        """Logs an epoch's metrics at its number."""
        self._log(stage, metrics, number)

    def figures(self, group: str, found: Mapping[str, float]) -> None:
        """Logs figures as metrics."""
        self._log(group, found, 0)

    def status(self, stage: str, what: str) -> None:
        """Tags the run with what came of a stage."""
        self._client.log_batch(self._id, tags=[RunTag(f"stage.{stage}", what)])

    def files(self, path: Path, place: str) -> None:
        """Copies a file, or all that is in a folder, to the run's artifacts."""
        copy = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        copy(self._id, str(path), place or None)

    def end(self, how: End) -> None:
        """Closes the run, and the sweep as far as it is known to be over."""
        status = RunStatus.to_string(STATUS[how])
        self._client.set_terminated(self._id, status)
        if self._parent is not None:
            self._client.set_terminated(self._parent, status)

    def _open(self, folder: Path, run: Tracked) -> None:
        # Processes of one sweep make the store, the experiment and the parent once.
        with portalocker.Lock(folder / "mlflow.lock", timeout=600):
            self._client = MlflowClient(f"sqlite:///{(folder / 'mlflow.db').resolve()}?timeout=60")
            experiment = self._experiment(run.name, folder)
            self._parent = self._sweep(experiment, run.sweep) if run.sweep else None
        tags = {"frugal.command": run.command, "frugal.run": run.moment}
        if self._parent is not None:
            tags |= {MLFLOW_PARENT_RUN_ID: self._parent, SWEEP: run.sweep}
        made = self._client.create_run(experiment, tags=tags, run_name=run.moment)
        self._id = made.info.run_id
        params = [Param(plain(key), str(value)[:LONGEST]) for key, value in run.settings.items()]
        for start in range(0, len(params), BATCH):
            self._client.log_batch(self._id, params=params[start : start + BATCH])

    def _experiment(self, name: str, folder: Path) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, str((folder / "artifacts").resolve())))

    def _sweep(self, experiment: str, sweep: str) -> str:
        found = self._client.search_runs([experiment], f"tags.`{SWEEP}` = '{sweep}' and tags.`frugal.parent` = 'true'")
        if found:
            return str(found[0].info.run_id)
        tags = {SWEEP: sweep, "frugal.parent": "true"}
        return str(self._client.create_run(experiment, tags=tags, run_name=f"sweep {sweep}").info.run_id)

    def _log(self, group: str, values: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(plain(f"{group}/{name}"), value, now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)


def plain(name: str) -> str:
    """Returns a name with what MLflow refuses in one replaced: "pruned + int8" becomes "pruned_int8"."""
    return re.sub(r"\s*[^\w\-. :/]+\s*", "_", name)
