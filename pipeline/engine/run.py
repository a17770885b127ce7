"""A run: walks the plan, builds what is missing, keeps the ledger, and leaves the store intact whatever happens."""

import json
import logging
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.engine.artifact import Artifact, DamagedError
from pipeline.engine.display import STAGE_LOGGER, Display, StageView, native_output_to
from pipeline.engine.errors import PipelineError, StageError
from pipeline.engine.graph import ancestors
from pipeline.engine.ledger import NOTHING, Entry
from pipeline.engine.meter import Cost, Meter, side_by_side
from pipeline.engine.observer import Observers
from pipeline.engine.plan import Step
from pipeline.engine.ranks import BUILD, PASS, Ranks
from pipeline.engine.stage import Context, Exhibit
from pipeline.engine.store import Build, Store

REMEMBERED = ("kind", "identity", "notes", "exhibits", "created", "run", "cost")
"""What an artifact's manifest says that those made from it remember."""

ALONE = Ranks()

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
        folder: The run's output folder, for stage logs.
        facts: Facts of the run that a report states: its command, its id, its configuration as YAML.
        ranks: This process's place, which is rank 0, among those that build some stages together.
        observers: Who is told how the run goes.
        quiet: Whether stage logs alone are told how the run goes, because who runs it says what came out.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        facts: Mapping[str, str],
        ranks: Ranks = ALONE,
        observers: Observers | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self.store, self.folder, self.facts, self._ranks, self._quiet = store, folder, facts, ranks, quiet
        self._observers = observers or Observers()
        self._steps: dict[str, Step] = {}
        self._lost: set[str] = set()
        self._shares: dict[str, list[Cost]] = {}
        self._artifacts: dict[str, Artifact] = {}
        self._entries: list[Entry] = []
        self._failures: list[StageError] = []

    def run(self, plan: Sequence[Step]) -> Outcome:
        """Runs every step; after a failure, the branches that don't depend on it go on."""
        self._steps = {step.name: step for step in plan}
        display = Display(len(plan), quiet=self._quiet)
        with display.shown():
            for number, step in enumerate(plan, start=1):
                entry = self._step(step, number, display)
                self._entries.append(entry)
                display.settled(number, step.name, _told(entry, step))
                self._observers.settled(entry, self._artifacts.get(step.name))
        return Outcome(self._entries, self._artifacts, self._failures)

    def _step(self, step: Step, number: int, display: Display) -> Entry:
        def entry(status: Any, cost: Cost = NOTHING, saved: Cost = NOTHING) -> Entry:
            return Entry(step.name, step.stage.kind, step.key, status, cost, saved)

        if step.action == "unneeded":
            self._tell(step, PASS)
            return entry("unneeded")
        if step.action == "reuse" and step.artifact is not None:
            self._tell(step, PASS)
            self._artifacts[step.name] = step.artifact
            self._tidy(step.key)
            return entry("reused", saved=Cost(**step.artifact.manifest["cost"]))
        if self._lost.intersection([step.name, *step.stage.inputs.values()]):
            self._tell(step, PASS)
            self._lost.add(step.name)
            return entry("skipped")
        with display.stage(number, step.name) as view, Meter() as meter:
            try:
                artifact, built = self._obtain(step, view)
            except (Exception, SystemExit) as error:
                self._failed(step.name, error)
                if step.stage.together:  # the other ranks wait inside it for ever; the launcher ends them with us
                    self._lost |= self._steps.keys()
                return entry("failed", meter.cost)
            self._artifacts[step.name] = artifact
            if self._ranks.elastic:  # who joins later must not wait in it
                self._tell(step, PASS)
            if built:
                return replace(
                    entry("built", self._with_others(step, meter.cost)), kept_bytes=artifact.manifest["kept_bytes"]
                )
            return entry("reused", saved=Cost(**artifact.manifest["cost"]))

    def _obtain(self, step: Step, view: StageView) -> tuple[Artifact, bool]:
        def waiting() -> None:
            log.info("%s: another process is building it; waiting", step.name)

        with self.store.building(step.key, waiting) as build:
            if (made := self._usable(step.name, step.key)) is not None:
                build.clear()
                self._tell(step, PASS)
                return made, False
            return self._build(step, build, view), True

    def _usable(self, name: str, key: str) -> Artifact | None:
        try:
            return self.store.open(key)
        except DamagedError as error:
            aside = self.store.set_aside(key)
            log.warning(
                "%s: the artifact in the store is damaged (%s); set aside as %s; rebuilding", name, error, aside
            )
            return None

    def _build(self, step: Step, build: Build, view: StageView) -> Artifact:
        inputs = {given: self._read(source, view) for given, source in step.stage.inputs.items()}
        build.start()
        notes: list[str] = []
        exhibits: list[Exhibit] = []
        kept: dict[str, int] = {}
        log_file = self.folder / "logs" / f"{step.name}.log"
        with stage_log(step.name, log_file, alone=self._quiet) as messages, Meter(build.folder / "cost.json") as meter:

            def note(line: str) -> None:
                messages.warning(line)
                notes.append(line)

            context = Context(
                step.name,
                step.key,
                inputs,
                build.output,
                build.state,
                messages,
                view.update,
                note,
                exhibits.append,
                kept.__setitem__,
                self._lineage(step),
                self.facts,
                partial(self._observers.step, step.name),
                partial(self._observers.epoch, step.name),
            )
            log.debug("%s: key %s, made in %s", step.name, step.key, build.folder)
            self._tell(step, BUILD)
            self._observers.started(step.name)
            try:
                with native_output_to(log_file):
                    step.stage.run(context)
            finally:
                self._observers.finished(step.name)
            manifest = {
                "stage": step.name,
                "kind": step.stage.kind,
                "identity": step.identity,
                "notes": notes,
                "exhibits": [asdict(exhibit) for exhibit in exhibits],
                "kept_bytes": kept,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "run": self.facts["run"],
                "cost": asdict(self._with_others(step, meter.cost)),
                "lineage": {
                    each["key"]: {name: each[name] for name in REMEMBERED} for each in context.lineage.values()
                },
            }
        return build.publish(manifest, log_file)

    def _read(self, name: str, view: StageView) -> Artifact:
        """Returns a checked input; one that was damaged or removed since the plan was made is built again."""
        step = self._steps[name]
        if self._ranks.several:  # the others have passed that stage
            artifact = self.store.open(step.key)
            if artifact is None:
                raise PipelineError(f"its input {name} was removed from the store during the run; run again")
            return artifact
        self._artifacts[name] = self._usable(name, step.key) or self._obtain(step, view)[0]
        return self._artifacts[name]

    def _tell(self, step: Step, decision: str) -> None:
        if step.stage.together:
            self._ranks.tell(step.name, decision)

    def _with_others(self, step: Step, cost: Cost) -> Cost:
        """Returns the cost of a stage with that of the other ranks' shares, which are waited for once."""
        if step.stage.together and step.name not in self._shares:
            self._shares[step.name] = [Cost(**json.loads(told)) for told in self._ranks.costs(step.name)]
        return side_by_side([cost, *self._shares.get(step.name, [])])

    def _lineage(self, step: Step) -> dict[str, dict[str, Any]]:
        """Returns the manifests upstream; those of artifacts that are gone are remembered by what was made of them."""
        known: dict[str, dict[str, Any]] = {}
        for artifact in self._artifacts.values():
            known |= artifact.manifest["lineage"]
            known[artifact.key] = {name: artifact.manifest[name] for name in REMEMBERED}
        found = {}
        for name in ancestors(step.name, {each.name: each.stage for each in self._steps.values()}):
            ancestor = self._steps[name]
            found[name] = {**known[ancestor.key], "key": ancestor.key, "inputs": dict(ancestor.stage.inputs)}
        return found

    def _tidy(self, key: str) -> None:
        """Removes what a process left behind that was killed between publishing and cleaning up."""
        if (self.store.work / key).is_dir():
            with self.store.building(key, lambda: None) as build:
                build.clear()

    def _failed(self, name: str, error: BaseException) -> None:
        self._lost.add(name)
        failure = StageError(name, error)
        self._failures.append(failure)
        log.log(logging.DEBUG if self._quiet else logging.ERROR, "%s", failure)
        log.debug("%s", "".join(traceback.format_exception(error)))
        path = self.folder / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("".join(traceback.format_exception(error)))


def deliver(plan: Sequence[Step], outcome: Outcome, folder: Path) -> None:
    """Copies what a plan delivers into an output folder, each artifact into one of its stage's name."""
    for step in plan:
        if step.stage.delivers and step.name in outcome.artifacts:
            target = folder / step.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(outcome.artifacts[step.name].files, target)


@contextmanager
def stage_log(name: str, path: Path, *, alone: bool = False) -> Iterator[logging.Logger]:
    """Sends what a stage and the rooms that it calls log to a file, and there alone if asked, inside a `with` block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rooms = logging.getLogger("pipeline")  # what a room says while a stage runs is part of the stage's log
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    rooms.setLevel(min(logging.INFO, rooms.getEffectiveLevel()))
    rooms.addHandler(handler)
    rooms.propagate = not alone
    try:
        yield logging.getLogger(f"{STAGE_LOGGER}{name}")
    finally:
        rooms.propagate = True
        rooms.removeHandler(handler)
        handler.close()


def _told(entry: Entry, step: Step) -> str:
    if entry.status == "built":
        return f"built in {entry.cost.wall_seconds:.1f} s ({step.why})"
    if entry.status == "reused":
        return f"reused (saves {entry.saved.core_seconds:.1f} core-seconds)"
    return {"unneeded": "not needed, what it feeds is in the store", "skipped": "skipped, an input failed"}.get(
        entry.status, entry.status
    )
