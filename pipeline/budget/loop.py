"""The loop of a budget search: propose a trial, carry it out, learn from it, until the budget of compute is spent."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from rich.markup import escape

from pipeline.budget.settings import Search
from pipeline.budget.workshop import Workshop, read_figures, task_of
from pipeline.engine.display import console
from pipeline.engine.meter import core_seconds
from pipeline.search.candidate import REFERENCE, Candidate, Space
from pipeline.search.chain import REFERENCE_MODEL, Link, chain, probe, served
from pipeline.search.costs import Costs, Spent
from pipeline.search.propose import Known, Proposal, propose, shuffled
from pipeline.search.trial import Figures, Trial


@dataclass
class Findings:
    """What a search has come to.

    Attributes:
        space: What could be tried, with what the reference's task left of it.
        left_out: What could not, with the reason.
        reference: The reference's figures on the validation part.
        networks: Those of each network in float32.
        trials: In order; the first is the reference.
        task: What the models do: "classification", "regression" or "multi_label".
        start: Core-seconds that the reference took.
        probed: Core-seconds for measuring untrained networks.
        spent: Core-seconds beyond the reference.
        reused: What of that an earlier run had spent.
        deciding: Core-seconds of this process for choosing trials, not among `spent`.
        ended: Why the search ended.
    """

    space: Space
    left_out: dict[str, str]
    reference: Figures
    networks: dict[str, Figures]
    trials: list[Trial]
    task: str
    start: float
    probed: float = 0.0
    spent: float = 0.0
    reused: float = 0.0
    deciding: float = 0.0
    ended: str = ""


def begin(search: Search, workshop: Workshop) -> Findings:
    """Returns what is known when the reference is there; its stages have been carried out."""
    account = workshop.account
    measured = account.artifacts[f"measure_{REFERENCE_MODEL}"]
    reference, task = read_figures(measured), task_of(measured)
    settings = search.stages[search.settings.reference]
    trained = account.artifacts[search.settings.reference].manifest["cost"]["core_seconds"]
    epochs = int(settings.get("epochs", 1))
    account.spent.append(Spent(Link(REFERENCE_MODEL, "train", "", REFERENCE_MODEL, epochs), float(trained)))
    account.done.add(REFERENCE_MODEL)
    space, left_out = search.space, dict(search.left_out)
    if task != "classification" and True in space.distilled:
        space = dataclasses.replace(space, distilled=(False,))
        left_out["distillation"] = f"the task is {task}; a teacher's logits are of classes"
    itself = Trial(Candidate(REFERENCE), space.top, reference, 0.0, why="the reference")
    return Findings(space, left_out, reference, {REFERENCE_MODEL: reference}, [itself], task, account.begin())


def carry_on(search: Search, workshop: Workshop, findings: Findings) -> None:
    """Tries candidates until compute, trials or candidates are used up."""
    guided = search.settings.strategy == "guided"
    if guided:
        _probe(workshop, findings)
    findings.ended = _try_all(search, workshop, findings, guided)
    findings.spent, findings.reused = workshop.account.core_seconds, workshop.account.reused


def _try_all(search: Search, workshop: Workshop, findings: Findings, guided: bool) -> str:
    """Makes trials, and returns why there is no further one."""
    drawn = iter([] if guided else shuffled(findings.space, search.seed))
    while len(findings.trials) <= search.settings.trials:
        left = None if (limit := search.settings.core_seconds) is None else limit - workshop.account.core_seconds
        if left is not None and left <= 0:
            return f"{limit:g} core-seconds are spent"
        before = core_seconds()
        proposal = _next(search, workshop, findings, left) if guided else next(drawn, None)
        findings.deciding += core_seconds() - before
        if proposal is None:
            return "no candidate is left" + ("" if left is None else " that the compute left would pay for")
        _try(search, workshop, findings, proposal)
    return f"{search.settings.trials} trials were made"


def known(workshop: Workshop, findings: Findings) -> Known:
    """Returns what proposals are made from."""
    return Known(findings.reference, findings.networks, findings.trials, workshop.account.done)


def _next(search: Search, workshop: Workshop, findings: Findings, left: float | None) -> Proposal | None:
    flops = {name: figures.flops for name, figures in findings.networks.items()}
    costs = Costs(workshop.account.spent, flops)
    settings = search.settings
    return propose(findings.space, known(workshop, findings), settings.bounds, costs, settings.reduction, left)


def _probe(workshop: Workshop, findings: Findings) -> None:
    """Measures each network untrained: bytes in float32 and time do not depend on what it has learned."""
    for each in findings.space.networks_to_build():
        links = probe(each)
        outcome = workshop.carry_out(links)
        if outcome.failures:
            findings.left_out[each.network_name] = str(outcome.failures[0].cause)
            continue
        findings.networks[each.network_name] = figures = workshop.figures(links[-1].name)
        _say(f"untrained {each.label}: {figures.size_kb:.4g} KiB, {figures.latency_ms:.3g} ms")
    findings.probed = workshop.account.core_seconds


def _try(search: Search, workshop: Workshop, findings: Findings, proposal: Proposal) -> None:
    before = workshop.account.core_seconds
    links = chain(proposal.candidate, proposal.rung, findings.space)
    outcome = workshop.carry_out(links)
    spent = workshop.account.core_seconds
    figures, problem, told = None, "", ""
    if outcome.failures:
        problem = told = str(outcome.failures[0])
    else:
        figures = workshop.figures(links[-1].name)
        lost = figures.quality - findings.reference.quality
        told = f"{figures.quality:.2f} % ({lost:+.2f} points), {figures.size_kb:.4g} KiB, {figures.latency_ms:.3g} ms"
    trial = Trial(proposal.candidate, proposal.rung, figures, spent - before, problem, proposal.why)
    findings.trials.append(trial)
    limit = search.settings.core_seconds
    of = "" if limit is None else f" of {limit:g}"
    _say(
        f"trial {len(findings.trials) - 1}/{search.settings.trials} {named(trial, findings.space)}: {told}; "
        f"{trial.core_seconds:.1f} core-s, spent {spent:.0f}{of}"
    )


def named(trial: Trial, space: Space) -> str:
    """Returns a trial in words: its techniques, and for how long its network was trained."""
    epochs = space.epochs[trial.rung]
    return trial.candidate.label + ("" if trial.candidate.given else f" ({epochs} epoch{'s' * (epochs > 1)})")


def _say(line: str) -> None:
    console.print(escape(line))


def reference_links() -> list[Link]:
    """Returns what measures the reference."""
    return served(REFERENCE_MODEL, REFERENCE_MODEL)


def stopped(findings: Findings) -> Mapping[int, str]:
    """Returns the trials, by place, that were not trained for as long as they could have been."""
    last = {each.candidate: place for place, each in enumerate(findings.trials)}
    top = findings.space.top
    epochs = findings.space.epochs
    return {
        place: f"stopped after {epochs[findings.trials[place].rung]} of {epochs[top]} epochs"
        for place in last.values()
        if findings.trials[place].rung < top and findings.trials[place].figures
    }
