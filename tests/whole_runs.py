"""What tests of whole runs share: the command line in a process of its own or in this one, and a small run of it."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import psutil

from pipeline.__main__ import main
from pipeline.engine.display import console

SMALL = (
    "+experiment=digits",
    "model.filters=[8,16]",
    "model.units=32",
    "optimizer.learning_rate=0.01",
    "stages.baseline.epochs=8",
    "stages.baseline.batch_size=32",
    "stages.baseline.augment.crop=1",
    "stages.prune.epochs=4",
    "stages.prune.final_sparsity=0.5",
    "stages.quantize.calibration_examples=50",
    "stages.export_baseline.check_examples=20",
    "stages.export_prune.check_examples=20",
    "stages.export_quantize.check_examples=20",
    "stages.measure_baseline.runs=20",
    "stages.measure_prune.runs=20",
    "stages.measure_quantize.runs=20",
)
"""The digits experiment, every stage of it, at a size that a test can afford."""

LIMIT_SECONDS = 600
"""That a command may take; one that takes longer hangs."""

MEASURED = ("measure", "report")
"""Kinds of stages whose artifacts hold times, and so differ from run to run."""


@dataclass(frozen=True)
class Done:
    """A command that has ended: exit code, what it said, and the folder that it ran in."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def output(self) -> Path:
        """The output folder of its only run."""
        return next(path.parent for path in self.folder.glob("outputs/*/*/ledger.json"))

    @property
    def statuses(self) -> dict[str, str]:
        ledger = json.loads((self.output / "ledger.json").read_text())
        return {row["stage"]: row["status"] for row in ledger["stages"]}


class Cli:
    """Runs the command line, each time in a new folder, on one store."""

    def __init__(self, folder: Path, store: Path, launcher: tuple[str, ...] = ()) -> None:
        self.store = store
        self._launcher = launcher
        self._folder = folder
        self._count = 0

    def start(self, *arguments: str, store: Path | None = None, **options) -> tuple[subprocess.Popen, Path]:
        folder, environment = self._place(store)
        process = subprocess.Popen(
            [*self._launcher, sys.executable, "-m", "pipeline", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        return process, folder

    def _place(self, store: Path | None) -> tuple[Path, dict[str, str]]:
        """A new folder, and the environment of a command in it."""
        self._count += 1
        folder = self._folder / f"run{self._count}"
        folder.mkdir(parents=True)
        kept = {
            name: value for name, value in os.environ.items() if name not in ("HYDRA_FULL_ERROR", "PIPELINE_RUN_ID")
        }
        return folder, {
            **kept,
            "FRUGAL_STORE": str(store or self.store),
            "COLUMNS": "200",
            "PYTHONFAULTHANDLER": "1",
        }

    def __call__(self, *arguments: str, store: Path | None = None) -> Done:
        process, folder = self.start(*arguments, store=store)
        try:
            out, err = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            _, err = killed(process)
            logs = (path.read_text() for path in folder.glob("outputs/*/*/logs/*.log"))
            said = [text.partition("Extension modules:")[0][-5000:] for text in (err, *logs)]
            raise AssertionError("\n".join([f"no end in {LIMIT_SECONDS} s; last said:", *said])) from None
        return Done(process.returncode, out, err, folder)


class CliHere(Cli):
    """Runs the command line in this very process, a tenth of the cost: for what ends before anything is trained.

    Args:
        folder: As for `Cli`.
        store: As for `Cli`.
        captured: pytest's `capfd`.
    """

    def __init__(self, folder: Path, store: Path, captured) -> None:
        super().__init__(folder, store)
        self._captured = captured

    def __call__(self, *arguments: str, store: Path | None = None) -> Done:
        folder, environment = self._place(store)
        root, here, code = logging.getLogger(), Path.cwd(), 0
        handlers, level = root.handlers[:], root.level
        self._captured.readouterr()
        shown, console.file = console.file, sys.stderr
        os.chdir(folder)
        try:
            with (
                mock.patch.dict(os.environ, environment, clear=True),
                mock.patch("sys.argv", ["frugal", *arguments]),
                mock.patch(
                    "logging._handlerList", []
                ),  # Hydra closes those there are; absl's would close pytest's file
            ):
                main()
        except SystemExit as ended:
            code = ended.code
        finally:
            os.chdir(here)
            console.file = shown
            for own in set(root.handlers) - set(handlers):
                own.close()
            root.handlers[:] = handlers
            root.setLevel(level)
        return Done(code, *self._captured.readouterr(), folder)


def killed(process: subprocess.Popen) -> tuple[str, str]:
    """Ends a command and all that it started, each with where its threads are, and returns what they said."""
    every = [*psutil.Process(process.pid).children(recursive=True), process]
    for each in every:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGABRT)  # which faulthandler answers with the stack of each thread
    return process.communicate(timeout=60)


def jobs(words: list[str]) -> list[list[str]]:
    """The overrides of each job that a command line asks for: one, or those of a sweep (-m)."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    given = OverridesParser.create().parse_overrides([word for word in words if word != "-m"])
    return [job for batch in BasicSweeper.split_arguments(given, None) for job in batch]


def wait_for_epoch(epoch: int, process: subprocess.Popen, store: Path) -> None:
    """Returns once a running command has completed so many epochs of a training, or has ended without."""
    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        if any(int(path.name[-5:]) >= epoch for path in store.glob("work/*/state/checkpoints/epoch-?????")):
            return
        time.sleep(0.02)


def manifests(store: Path) -> dict[str, dict]:
    """The manifest of each artifact in a store, by key."""
    found = (json.loads(path.read_text())["manifest"] for path in store.glob("artifacts/*/manifest.json"))
    return {manifest["key"]: manifest for manifest in found}


def digests(store: Path) -> dict[str, str]:
    """The content digest of each artifact that holds no times, by key."""
    return {key: each["digest"] for key, each in manifests(store).items() if each["kind"] not in MEASURED}


def left_overs(store: Path) -> list[Path]:
    """Whatever in a store is neither a published artifact nor a lock."""
    return [*store.glob("work/*"), *store.glob("damaged/*"), *store.rglob("*.part")]
