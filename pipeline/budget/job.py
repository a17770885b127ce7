"""A budget search as a job: reference, search, test figures, files, and the line that says what came of it."""

from collections.abc import Mapping
from typing import Any

from pipeline.budget.loop import Findings, begin, carry_on, named, reference_links
from pipeline.budget.record import Result, document, hand_over, judge, write
from pipeline.budget.settings import Search, read_budget
from pipeline.budget.workshop import Workshop
from pipeline.engine import ledger
from pipeline.engine.errors import ConfigError
from pipeline.engine.run import Outcome
from pipeline.engine.settings import Settings, checked
from pipeline.engine.store import Store
from pipeline.execution import Execution, Job
from pipeline.search.chain import REFERENCE_MODEL, chain, on_test_part
from pipeline.stages.registry import KINDS

NOTHING_FITS = 3
"""Exit code of a search that found nothing within the budget."""

UNITS = {
    "accuracy_drop": "accuracy by {:.2f} points",
    "latency_ms": "latency by {:.3g} ms",
    "size_kb": "size by {:.3g} KiB",
}


def search(job: Job, settings: Settings, facts: Mapping[str, str]) -> Execution:
    """Searches, and writes what it found to the job's folder.

    Raises:
        ConfigError: For wrong settings, or more processes than the one that it runs in.
    """
    found = read_budget(settings)
    if job.ranks.size > 1:
        raise ConfigError(
            "budget", f"a search runs in one process, not in {job.ranks.size}", accepted=["distribution=single"]
        )
    store = Store(settings.store.folder)
    with store.in_use():
        workshop = Workshop(found, store, job.folder, facts)
        plan = workshop.plan(reference_links())
        if settings.dry_run:
            return Execution(settings, plan, None, said=_plan(found))
        outcome = workshop.carry_out(reference_links(), part=False)
        if outcome.failures:
            return Execution(settings, plan, outcome)
        findings = begin(found, workshop)
        carry_on(found, workshop, findings)
        result = judge(found, findings)
        last = _test(found, workshop, findings, result, settings)
        data = document(found, workshop, findings, result, job.command)
        write(data, job.folder)
        if result.chosen is not None:
            hand_over(found, workshop, findings, findings.trials[result.chosen], job.folder)
    entries = workshop.account.entries
    ledger.write(entries, settings.cost.per_core_hour, settings.cost.currency, job.folder / "ledger.json")
    done = Outcome(entries, {**workshop.account.artifacts, **last.artifacts}, last.failures)
    said = f"{_verdict(found, findings, result, data)}\nsearch: {job.folder / 'budget.md'}, budget.json, pareto.svg"
    return Execution(settings, plan, done, said=said, exit_code=0 if result.chosen is not None else NOTHING_FITS)


def _test(found: Search, workshop: Workshop, findings: Findings, result: Result, settings: Settings) -> Outcome:
    """Measures what is shown on the test part, for the first time, and sets it beside the reference."""
    links, models = [], {}
    for place in result.shown:
        trial = findings.trials[place]
        own = chain(trial.candidate, trial.rung, findings.space)
        test = on_test_part(own)
        links += [*own, test]
        models[REFERENCE_MODEL if place == 0 else named(trial, findings.space)] = test.name
    report = {
        **found.settings.techniques["report"],
        "inputs": models,
        "before": REFERENCE_MODEL,
        "title": settings.name,
    }
    report.pop("kind")
    stage = checked(KINDS["report"], report, "budget.techniques.report")
    outcome = workshop.carry_out(links, more={"report": stage})
    if "report" in outcome.artifacts:
        workshop.deliver(outcome.artifacts["report"], "report")
    return outcome


def _verdict(found: Search, findings: Findings, result: Result, data: Mapping[str, Any]) -> str:
    spent = data["spent"]
    failed = sum(each.figures is None for each in findings.trials)
    held = sum("stopped" in each["status"] for each in data["trials"])
    lines = [
        f"{len(findings.trials) - 1} trials of {data['space']['candidates']} candidates, {failed} failed, {held} "
        f"stopped early; {data['space']['ruled_out_untrained']} candidates ruled out untrained; "
        f"{spent['core_seconds']:.0f} core-seconds beyond the reference's {spent['reference']:.0f}, "
        f"{spent['of_that_by_an_earlier_run']:.0f} of them by an earlier run; ended: {findings.ended}"
    ]
    lines += [f"left out: {what}: {why}" for what, why in findings.left_out.items()]
    if result.chosen is not None:
        return "\n".join([*lines, f"chosen: {_sentence(data['chosen'], found, findings)}"])
    near = data["nearest_miss"]
    missed = " and ".join(UNITS[name].format(value) for name, value in near["misses"].items())
    return "\n".join(
        [
            *lines,
            f"nothing satisfies the budget ({found.settings.bounds.said}); nearest miss: "
            f"{_sentence(near, found, findings)}; it misses {missed}",
        ]
    )


def _sentence(each: Mapping[str, Any], found: Search, findings: Findings) -> str:
    reference = findings.reference
    said = (
        f"{each['name']}: {each['size_kb']:.4g} KiB deflated ({reference.size_kb / each['size_kb']:.1f}x less), "
        f"p50 {each['latency_ms']:.3g} ms ({reference.latency_ms / each['latency_ms']:.2f}x faster), "
        f"{0 - each['drop']:+.2f} points on the validation part"
    )
    if "test" in each:
        said += f", {0 - each['test']['drop']:+.2f} on the test part"
        bound = found.settings.accuracy_drop
        if bound is not None and each["drop"] <= bound < each["test"]["drop"]:
            said += f", more than the {bound:g} that the budget allows"
    return said


def _plan(found: Search) -> str:
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
        "first: the networks above, untrained; then what needs no training of the reference",
    ]
    return "\n".join([*lines, *(f"left out: {what}: {why}" for what, why in found.left_out.items())])


def _list(values: Any) -> str:
    return ", ".join(f"{each:g}" for each in values if each) or "none"
