"""The pipeline from Python: compose a configuration as the command line does, run it, read what came out."""

import hashlib
import json
import logging
import os
import shlex
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf, open_dict

from pipeline.engine.artifact import Artifact
from pipeline.engine.display import ConsoleHandler
from pipeline.engine.errors import ConfigError
from pipeline.engine.ledger import Entry
from pipeline.execution import Job, execute, repetition
from pipeline.failures import explain
from pipeline.folders import CONF, require_configurations

log = logging.getLogger(__name__)

_ASKED = "_overrides"
"""Where a composed configuration remembers the command line that composes it, until it is run."""


@dataclass(frozen=True)
class Result:
    """What a run left.

    Attributes:
        folder: Its output folder.
        entries: The ledger: each stage with its status and cost.
        artifacts: What is in the store, by stage name; `artifacts["baseline"].files` is a folder.
        said: What the command line says at the end: verdict and report; of a dry run the plan.
        exit_code: What the command line exits with: 0, or 3 where a search found nothing within its budget.
    """

    folder: Path
    entries: list[Entry]
    artifacts: Mapping[str, Artifact]
    said: str = ""
    exit_code: int = 0

    @property
    def statuses(self) -> dict[str, str]:
        """Whether each stage was built or reused, by name."""
        return {entry.stage: entry.status for entry in self.entries}

    @property
    def core_seconds(self) -> float:
        """What this run spent, in seconds of one core; what it reused costs nothing."""
        return sum(entry.cost.core_seconds for entry in self.entries)

    @property
    def report(self) -> dict[str, Any]:
        """The report as data, as `report.json` has it.

        Raises:
            LookupError: If the run has no report stage.
        """
        for artifact in self.artifacts.values():
            if artifact.manifest["kind"] == "report":
                return cast(dict[str, Any], json.loads((artifact.files / "report.json").read_text()))
        raise LookupError("the run has no stage of kind report")


def compose(overrides: Sequence[str] = (), *, config_dir: str | os.PathLike[str] | None = None) -> DictConfig:
    """Composes a configuration from the overrides that the command line takes.

    Args:
        overrides: Such as `["+experiment=digits", "stages.prune.final_sparsity=0.8"]`.
        config_dir: The caller's own configuration folder, as for `--config-dir`.

    Returns:
        The configuration, which may be changed before it is run.

    Raises:
        ConfigError: For an unknown option or key, naming what is accepted.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    require_configurations()
    search = [] if config_dir is None else [f"hydra.searchpath=[{Path(config_dir).resolve().as_uri()}]"]
    kept, state = GlobalHydra.instance(), GlobalHydra.get_state()
    kept.clear()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3", job_name="frugal"):
            config = hydra.compose("config", [*search, *overrides])
    except Exception as error:
        key, _, problem = explain(error)[0].partition(": ")
        raise ConfigError(key, problem) from error
    finally:
        GlobalHydra.set_state(state)
    command = repetition(overrides, [] if config_dir is None else [str(config_dir)])
    with open_dict(config):
        config[_ASKED] = {"command": command, "digest": _digest(config)}
    return config


def run(config: DictConfig | str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> Result:
    """Runs a configuration: every stage that the store does not have.

    Args:
        config: From `compose`, perhaps changed since; or the file `config.yaml` that an earlier run of it left.
        folder: For `config.yaml`, the ledger, logs and what stages deliver; by default `outputs/<name>/<time>`.

    Returns:
        The run's ledger and artifacts; of a dry run, none. A search that found nothing within its budget is no error:
        see `exit_code`.

    Raises:
        StageError: If a stage failed; what was built before stays in the store.
        PipelineError: For a wrong configuration, before anything is run.
    """
    _quiet()
    given = config if isinstance(config, DictConfig) else cast(DictConfig, OmegaConf.load(Path(config)))
    config, command = _parts(given)
    moment = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{uuid.uuid4().hex[:4]}"
    place = Path(folder) if folder is not None else Path("outputs") / str(config.name) / moment
    kept = place / "config.yaml"
    command = command or shlex.join(["python", "-c", f"import pipeline; pipeline.run({str(kept)!r})"])
    done = execute(Job(config, place, command, f"{config.name}/{moment}"))
    if done.outcome is None:
        return Result(place, [], {}, done.said)
    OmegaConf.save(config, kept, resolve=True)
    if done.outcome.failures:
        raise done.outcome.failures[0]
    if done.exit_code:
        log.warning("%s", done.said)
    return Result(place, done.outcome.entries, done.outcome.artifacts, done.said, done.exit_code)


def _quiet() -> None:
    """Shows warnings alone where the caller has not set up logging, as a notebook has not; libraries' notes never."""
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not logging.getLogger().handlers:
        handler = ConsoleHandler()
        handler.setLevel(logging.WARNING)
        logging.getLogger().addHandler(handler)


def _parts(config: DictConfig) -> tuple[DictConfig, str]:
    """Takes a configuration and the command that composes it apart; "" if it was changed in Python since."""
    config = config.copy()
    with open_dict(config):
        asked = config.pop(_ASKED, None)
    return config, asked.command if asked is not None and asked.digest == _digest(config) else ""


def _digest(config: DictConfig) -> str:
    return hashlib.sha256(OmegaConf.to_yaml(config).encode()).hexdigest()
