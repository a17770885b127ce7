"""A run: walks the plan, builds what is missing, keeps the ledger, and leaves the store intact whatever happens."""

import logging
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.artifact import Artifact, DamagedError
from pipeline.engine.display import Display, StageView, native_output_to
from pipeline.engine.errors import PipelineError, StageError
from pipeline.engine.graph import ancestors
from pipeline.engine.ledger import NOTHING, Entry
from pipeline.engine.meter import Cost, Meter
from pipeline.engine.plan import Step
from pipeline.engine.stage import Context
from pipeline.engine.store import Build, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        entries: The ledger.
        artifacts: What is in the store now, by stage name.
        failures: The stages that failed, first to last.
    """

    entries: list[Entry]
    artifacts: dict[str, Artifact]
    failures: list[StageError]


class Runner:
    """Carries out one plan.

    Args:
        store: Where artifacts are.
        folder: The run's output folder; stage logs and delivered files go there.
        facts: Facts of the run that a report states: its command, its id, its configuration as YAML.
    """

    def __init__(self, store: Store, folder: Path, facts: Mapping[str, str]) -> None:
        self.store, self.folder, self.facts = store, folder, facts
        self._artifacts: dict[str, Artifact] = {}
        self._entries: list[Entry] = []
        self._failures: list[StageError] = []

    def run(self, plan: Sequence[Step]) -> Outcome:
        """Runs every step; after a failure, the branches that don't depend on it go on."""
        display = Display(len(plan))
        with self.store.in_use(), display.shown():
            for number, step in enumerate(plan, start=1):
                entry = self._step(step, plan, number, display)
                self._entries.append(entry)
                display.settled(number, step.name, _told(entry, step))
            for step in plan:
                if step.stage.delivers and step.name in self._artifacts:
                    self._deliver(step)
        return Outcome(self._entries, self._artifacts, self._failures)

    def _step(self, step: Step, plan: Sequence[Step], number: int, display: Display) -> Entry:
        def entry(status: Any, cost: Cost = NOTHING, saved: Cost = NOTHING) -> Entry:
            return Entry(step.name, step.stage.kind, step.key, status, cost, saved)

        if step.action == "unneeded":
            return entry("unneeded")
        if step.action == "reuse" and step.artifact is not None:
            self._artifacts[step.name] = step.artifact
            self._tidy(step.key)
            return entry("reused", saved=Cost(**step.artifact.manifest["cost"]))
        if any(source not in self._artifacts for source in step.stage.inputs.values()):
            return entry("skipped")
        with display.stage(number, step.name) as view, Meter() as meter:
            try:
                artifact, built = self._obtain(step, plan, view)
            except (Exception, SystemExit) as error:
                self._failed(step.name, error)
                return entry("failed", meter.cost)
            self._artifacts[step.name] = artifact
            return entry("built", meter.cost) if built else entry("reused", saved=Cost(**artifact.manifest["cost"]))

    def _obtain(self, step: Step, plan: Sequence[Step], view: StageView) -> tuple[Artifact, bool]:
        def waiting() -> None:
            log.info("%s: another process is building it; waiting", step.name)

        with self.store.building(step.key, waiting) as build:
            if (made := self._usable(step.name, step.key)) is not None:
                build.clear()
                return made, False
            return self._build(step, plan, build, view), True

    def _usable(self, name: str, key: str) -> Artifact | None:
        try:
            return self.store.open(key)
        except DamagedError as error:
            aside = self.store.set_aside(key)
            log.warning(
                "%s: the artifact in the store is damaged (%s); set aside as %s; rebuilding", name, error, aside
            )
            return None

    def _build(self, step: Step, plan: Sequence[Step], build: Build, view: StageView) -> Artifact:
        inputs = {given: self._read(source) for given, source in step.stage.inputs.items()}
        build.start()
        notes: list[str] = []
        log_file = self.folder / "logs" / f"{step.name}.log"
        with _stage_log(step.name, log_file) as stage_log, Meter(build.folder / "cost.json") as meter:

            def note(line: str) -> None:
                stage_log.warning(line)
                notes.append(line)

            context = Context(
                step.name,
                step.key,
                inputs,
                build.output,
                build.state,
                stage_log,
                view.update,
                note,
                self._lineage(step, plan),
                self.facts,
            )
            with native_output_to(log_file):
                step.stage.run(context)
            manifest = {
                "stage": step.name,
                "kind": step.stage.kind,
                "identity": step.identity,
                "inputs": dict(step.stage.inputs),
                "notes": notes,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "run": self.facts["run"],
                "cost": asdict(meter.cost),
            }
        return build.publish(manifest, log_file)

    def _read(self, name: str) -> Artifact:
        artifact = self._artifacts[name]
        try:
            checked = self.store.open(artifact.key)
        except DamagedError as error:
            raise PipelineError(f"its input {name} was damaged during the run ({error}); run again") from error
        if checked is None:
            raise PipelineError(f"its input {name} was removed from the store during the run; run again")
        return checked

    def _lineage(self, step: Step, plan: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
        names = ancestors(step.name, {each.name: each.stage for each in plan})
        return {name: self._artifacts[name].manifest for name in names if name in self._artifacts}

    def _tidy(self, key: str) -> None:
        """Removes what a process left behind that was killed between publishing and cleaning up."""
        if (self.store.work / key).is_dir():
            with self.store.building(key, lambda: None) as build:
                build.clear()

    def _deliver(self, step: Step) -> None:
        target = self.folder / step.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._artifacts[step.name].files, target)

    def _failed(self, name: str, error: BaseException) -> None:
        failure = StageError(name, error)
        self._failures.append(failure)
        log.error("%s", failure)
        log.debug("%s", "".join(traceback.format_exception(error)))
        path = self.folder / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("".join(traceback.format_exception(error)))


@contextmanager
def _stage_log(name: str, path: Path) -> Iterator[logging.Logger]:
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger(f"pipeline.stage.{name}")
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def _told(entry: Entry, step: Step) -> str:
    if entry.status == "built":
        return f"built in {entry.cost.wall_seconds:.1f} s ({step.why})"
    if entry.status == "reused":
        return f"reused (saves {entry.saved.core_seconds:.1f} core-seconds)"
    return {"unneeded": "not needed, what it feeds is in the store", "skipped": "skipped, an input failed"}.get(
        entry.status, entry.status
    )
