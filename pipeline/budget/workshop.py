"""Carries out chains of stages on the store, and keeps account of what they cost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.budget.settings import Search, stages_of
from pipeline.engine.artifact import Artifact
from pipeline.engine.graph import ordered
from pipeline.engine.ledger import Entry
from pipeline.engine.observer import Observer, Observers
from pipeline.engine.plan import Step, make_plan
from pipeline.engine.run import Outcome, Runner, deliver
from pipeline.engine.stage import Stage
from pipeline.engine.store import Store
from pipeline.reporting.metrics import QUALITY
from pipeline.search.chain import Link
from pipeline.search.costs import Spent
from pipeline.search.trial import Figures


@dataclass
class Account:
    """What a search has spent, and on what.

    Attributes:
        entries: The ledger of all its parts; a stage that several share is there once.
        core_seconds: Of all that was made for it since `begin`, whether now or by an earlier, perhaps killed, run.
        reused: What of that an earlier run had spent.
        spent: The cost of each link.
        done: Names of the links that are in the store.
        artifacts: By stage name.
    """

    entries: list[Entry] = field(default_factory=list)
    core_seconds: float = 0.0
    reused: float = 0.0
    spent: list[Spent] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    artifacts: dict[str, Artifact] = field(default_factory=dict)

    def begin(self) -> float:
        """Returns the core-seconds until now, and counts from 0 again."""
        before, self.core_seconds, self.reused = self.core_seconds, 0.0, 0.0
        return before


class Workshop:
    """Builds what a search asks for.

    Args:
        search: Settings and networks.
        store: Where artifacts are.
        folder: The run's output folder, for logs.
        facts: Facts of the run, as for `Runner`.
        verify_all: As for `make_plan`.
    """

    def __init__(
        self, search: Search, store: Store, folder: Path, facts: Mapping[str, str], *, verify_all: bool
    ) -> None:
        self._search, self._store, self._folder, self._facts = search, store, folder, facts
        self._verify_all = verify_all
        self._observers = Observers()
        self.account = Account()

    def tell(self, observers: Observers) -> None:
        """Lets observers hear of each stage from now on, and once of what came of it, though many trials share it."""
        self._observers = _FirstTime([observers])

    def carry_out(
        self, links: Sequence[Link], *, quiet: bool = True, more: Mapping[str, Stage] | None = None
    ) -> Outcome:
        """Makes what is missing of some links and of what they start from.

        Args:
            links: What is wanted.
            quiet: As for `Runner`.
            more: Further stages, which read them; what these deliver is.
        """
        plan = self.plan(links, more)
        outcome = Runner(self._store, self._folder, self._facts, observers=self._observers, quiet=quiet).run(plan)
        deliver([step for step in plan if step.name in (more or ())], outcome, self._folder)
        self._book(outcome, {link.name: link for link in links})
        return outcome

    def plan(self, links: Sequence[Link], more: Mapping[str, Stage] | None = None) -> list[Step]:
        """Returns what `carry_out` would do."""
        wanted = {**stages_of(links, self._search), **(more or {})}
        return make_plan(ordered(wanted), self._store, verify_all=self._verify_all, facts=self._facts)

    def figures(self, name: str) -> Figures:
        """Returns what a measurement found."""
        return read_figures(self.account.artifacts[name])

    def _book(self, outcome: Outcome, links: Mapping[str, Link]) -> None:
        account = self.account
        for entry in outcome.entries:
            artifact = outcome.artifacts.get(entry.stage)
            if entry.stage in account.artifacts:
                continue
            if artifact is None:
                account.core_seconds += entry.cost.core_seconds
                if entry.status == "failed":
                    account.entries.append(entry)
                continue
            # As the artifact says, so that a search that was killed comes to the same decisions when it goes on.
            cost = float(artifact.manifest["cost"]["core_seconds"])
            account.core_seconds += cost
            account.reused += cost if entry.status == "reused" else 0.0
            account.entries.append(entry)
            account.artifacts[entry.stage] = artifact
            if entry.stage in links:
                account.done.add(entry.stage)
                account.spent.append(Spent(links[entry.stage], cost))


class _FirstTime(Observers):
    """Passes on what came of a stage, until that is an artifact; later trials only reuse it."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        super().__init__(observers)
        self._known: set[str] = set()

    def settled(self, entry: Entry, artifact: Artifact | None) -> None:
        """Passes it on once."""
        if entry.stage not in self._known:
            super().settled(entry, artifact)
        if artifact is not None:
            self._known.add(entry.stage)


def read_figures(artifact: Artifact) -> Figures:
    """Returns what a measurement found, as the search compares it."""
    found = json.loads(artifact.path("measurement.json").read_text())
    return Figures(
        quality=100 * float(found[QUALITY[found["task"]][0].key]),
        size_kb=found["deflated_bytes"] / 1024,
        latency_ms=found["latency_ms"]["p50"],
        flops=float(found["flops"]),
    )


def task_of(artifact: Artifact) -> str:
    """Returns the task of a measurement."""
    return str(json.loads(artifact.path("measurement.json").read_text())["task"])
