"""Runs single stages, configured as a user would, on artifacts that stages before them made."""

import logging
import shutil
from pathlib import Path

from hydra import compose, initialize_config_dir

from pipeline.engine.artifact import FILES, Artifact
from pipeline.engine.stage import Context, Stage
from pipeline.execution import read_config
from pipeline.folders import CONF


def configured(
    option: str, *overrides: str, data: str = "digits", model: str = "mlp", distribution: str = "single"
) -> Stage:
    """The stage of conf/stage/<option>.yaml, with overrides relative to it or, after a slash, to all.

    The student's family is `model` too.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = [f"data={data}", f"model={model}", f"model@student={model}", f"distribution={distribution}"]
        settings.append("+stage@stages.prepare=prepare")
        name = "prepare"
        if option != "prepare":
            name = "x"
            settings.append(f"+stage@stages.x={option}")
        if option == "sample_by_value":
            settings.append("+stage@stages.score=score")
        of_root = ("/", "data.", "+", "allow", "distribution.", "schedule@")
        given = [each if each.startswith(of_root) else f"stages.{name}.{each}" for each in overrides]
        settings += [each.removeprefix("/") for each in given]
        config = compose("config", overrides=settings)
    return read_config(config).stages[name]


class Ran:
    """What a stage that has run left behind."""

    def __init__(self, folder: Path, notes: list[str], exhibits: list) -> None:
        self.artifact = Artifact(folder, {"key": "0" * 32})
        self.files = folder / FILES
        self.notes, self.exhibits = notes, exhibits


def ran(stage: Stage, folder: Path, *, interrupted: Ran | None = None, **inputs: Ran) -> Ran:
    """Runs a stage in an empty folder, from the first epoch of a finished run of it on if one is given."""
    output, state = folder / FILES, folder / "state"
    output.mkdir(parents=True)
    state.mkdir()
    if interrupted is not None:
        first = Path("checkpoints", "epoch-00001")
        shutil.copytree(interrupted.files.parent / "state" / first, state / first)
    notes: list[str] = []
    exhibits: list = []
    stage.run(
        Context(
            name="x",
            key="0" * 32,
            inputs={name: each.artifact for name, each in inputs.items()},
            output=output,
            state=state,
            log=logging.getLogger("test"),
            progress=lambda progress: None,
            note=notes.append,
            show=exhibits.append,
            keep=lambda what, size: None,
            lineage={},
            run={"command": "", "config": ""},
        )
    )
    return Ran(folder, notes, exhibits)
