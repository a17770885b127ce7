"""A budget search as a job: reference, search, test figures, files, and the line that says what came of it."""

from collections.abc import Mapping
from typing import Any

from pipeline.budget.loop import Findings, begin, carry_on, named, reference_links
from pipeline.budget.record import Result, document, hand_over, judge, write
from pipeline.budget.settings import Search
from pipeline.budget.words import verdict
from pipeline.budget.workshop import Workshop
from pipeline.engine import ledger
from pipeline.engine.errors import ConfigError
from pipeline.engine.plan import Step
from pipeline.engine.run import Outcome, deliver
from pipeline.engine.settings import Settings, checked
from pipeline.engine.store import Store
from pipeline.execution import Execution, Job, plan_in_words, report_place
from pipeline.search.chain import REFERENCE_MODEL, chain, on_test_part
from pipeline.stages.registry import KINDS
from pipeline.tracking.tracker import Tracked
from pipeline.watching import Watching, watched

NOTHING_FITS = 3
"""Exit code of a search that found nothing within the budget."""

REPORT = "report"
"""The stage that sets the Pareto set beside the reference."""


def search(
    job: Job, found: Search, settings: Settings, facts: Mapping[str, str], watching: Watching, followed: Tracked
) -> Execution:
    """Searches, and writes what it found to the job's folder.

    Args:
        job: What it is asked for.
        found: What is to be searched, and how.
        settings: Checked.
        facts: Of the run, which its artifacts and its report remember.
        watching: How the run is followed.
        followed: What who follows it is told of the job.

    Raises:
        ConfigError: For wrong settings, or more processes than the one that it runs in.
    """
    if job.ranks.size > 1:
        raise ConfigError(
            "budget", f"a search runs in one process, not in {job.ranks.size}", accepted=["distribution=single"]
        )
    store = Store(settings.store.folder)
    with store.in_use():
        workshop = Workshop(found, store, job.folder, facts, verify_all=settings.store.verify == "all")
        plan = workshop.plan(reference_links())
        if settings.dry_run:
            return Execution(None, f"{plan_in_words(plan)}\n{_space_in_words(found)}")
        job.folder.mkdir(parents=True, exist_ok=True)
        with watched(watching, plan, followed, job.folder, settings.cost) as observers:
            workshop.tell(observers)
            done = _searched(job, found, workshop, plan)
            observers.end("failed" if done.outcome and done.outcome.failures else "finished")
    entries = workshop.account.entries
    ledger.write(entries, settings.cost.per_core_hour, settings.cost.currency, job.folder / "ledger.json")
    return done


def _searched(job: Job, found: Search, workshop: Workshop, plan: list[Step]) -> Execution:
    outcome = workshop.carry_out(reference_links(), quiet=False)
    deliver(plan, outcome, job.folder)
    if outcome.failures:
        return Execution(outcome)
    findings = begin(found, workshop)
    carry_on(found, workshop, findings)
    result = judge(found, findings)
    last = _test(found, workshop, findings, result)
    data = document(found, workshop, findings, result, job.command)
    write(data, job.folder)
    if result.chosen is not None:
        hand_over(found, workshop, findings, findings.trials[result.chosen], job.folder)
    lines = [*verdict(data), f"search: {job.folder / 'budget.md'}, budget.json, pareto.svg"]
    if REPORT in last.artifacts:
        lines.append(report_place(job.folder, REPORT))
    outcome = Outcome(workshop.account.entries, workshop.account.artifacts, last.failures)
    return Execution(outcome, "\n".join(lines), exit_code=0 if result.chosen is not None else NOTHING_FITS)


def _test(found: Search, workshop: Workshop, findings: Findings, result: Result) -> Outcome:
    """Measures what is shown on the test part, for the first time, and sets it beside the reference."""
    links, models = [], {}
    for place in result.shown:
        trial = findings.trials[place]
        own = chain(trial.candidate, trial.rung, findings.space)
        test = on_test_part(own)
        links += [*own, test]
        models[REFERENCE_MODEL if place == 0 else named(trial, findings.space)] = test.name
    report = {**found.settings.techniques["report"], "inputs": models, "before": REFERENCE_MODEL}
    report.pop("kind")
    stage = checked(KINDS["report"], report, "budget.techniques.report")
    return workshop.carry_out(links, more={REPORT: stage})


def _space_in_words(found: Search) -> str:
    space, settings = found.space, found.settings
    limit = settings.core_seconds
    compute = "any number of core-seconds" if limit is None else f"{limit:g} core-seconds"
    networks = ", ".join(each.label for each in space.networks_to_build())
    others = [name for name in ("distilled", "separable") if True in getattr(space, name)]
    lines = [
        f"budget: {settings.bounds.said}; minimise {settings.minimise}; {settings.strategy} search, at most "
        f"{settings.trials} trials and {compute} beyond the reference",
        f"fixed: data {found.data}, seed {found.seed}, fine-tuning {space.fine_tune} epochs",
        f"space: {len(space.candidates)} candidates: the reference{', ' * bool(networks)}{networks}; rungs of "
        f"{', '.join(map(str, space.epochs))} epochs",
        f"  zeros {_list(space.sparsities)}; shared values {_list(space.clusters)}; "
        f"{', '.join([*space.quantizations, *others])}",
    ]
    if settings.strategy == "guided":
        lines.append("first: each network above but the reference, untrained")
    return "\n".join([*lines, *(f"left out: {what}: {why}" for what, why in found.left_out.items())])


def _list(values: Any) -> str:
    return ", ".join(f"{each:g}" for each in values if each) or "none"
