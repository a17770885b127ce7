"""What a search leaves: budget.json, a page in Markdown with a picture, and the chosen model's files."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.budget.loop import Findings, known, named, stopped
from pipeline.budget.settings import Search
from pipeline.budget.words import page, verdict
from pipeline.budget.workshop import Workshop, read_figures
from pipeline.reporting.metrics import QUALITY
from pipeline.search.bounds import choose, nearest
from pipeline.search.chain import REFERENCE_MODEL, chain, on_test_part
from pipeline.search.pareto import corner, hypervolume, pareto_set, point
from pipeline.search.propose import ruled_out
from pipeline.search.trial import Figures, Trial


@dataclasses.dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        pareto: Places of the trials that no other beats in accuracy, bytes and time at once.
        chosen: Place of the cheapest that keeps the budget, or None.
        nearest: Place of the one nearest to the budget, or None if one keeps it.
    """

    pareto: list[int]
    chosen: int | None
    nearest: int | None

    @property
    def shown(self) -> list[int]:
        """Places of the trials to measure on the test part: the reference, the Pareto set, the chosen or nearest."""
        extra = [place for place in (self.chosen, self.nearest) if place is not None]
        return list(dict.fromkeys([0, *self.pareto, *extra]))


def judge(search: Search, findings: Findings) -> Result:
    """Returns the Pareto set of all trials, and the one to take."""
    measured = [place for place, each in enumerate(findings.trials) if each.figures]
    points = [point(each.figures, findings.reference) for each in findings.trials if each.figures]
    bounds, reference = search.settings.bounds, findings.reference
    found = choose(findings.trials, reference, bounds, search.settings.minimise)
    near = None if found else nearest(findings.trials, reference, bounds)
    return Result(
        [measured[place] for place in pareto_set(points)],
        None if found is None else findings.trials.index(found),
        None if near is None else findings.trials.index(near),
    )


def document(search: Search, workshop: Workshop, findings: Findings, result: Result, command: str) -> dict[str, Any]:
    """Returns all that was found as plain data."""
    settings, reference, space = search.settings, findings.reference, findings.space
    held = stopped(findings)
    without = ruled_out(space, known(workshop, findings), settings.bounds) if settings.strategy == "guided" else ()

    def row(place: int) -> dict[str, Any]:
        trial = findings.trials[place]
        found: dict[str, Any] = {
            "number": place,
            "name": named(trial, space),
            "candidate": dataclasses.asdict(trial.candidate),
            "epochs": None if trial.candidate.given else space.epochs[trial.rung],
            "status": "measured" if trial.figures else "failed",
            "core_seconds": trial.core_seconds,
            "why": trial.why,
        }
        if trial.figures is None:
            return {**found, "problem": trial.problem}
        if place in held:
            found["status"] = held[place]
        return {
            **found,
            **_figures(trial.figures, reference),
            "misses": settings.bounds.excess(trial.figures, reference),
        }

    def with_test(place: int | None) -> dict[str, Any] | None:
        if place is None:
            return None
        trial, own = findings.trials[place], workshop.account.artifacts
        measured = own.get(on_test_part(chain(trial.candidate, trial.rung, space)).name)
        before = own.get(f"test_{REFERENCE_MODEL}")
        if measured is None or before is None:
            return row(place)
        return {**row(place), "test": _figures(read_figures(measured), read_figures(before))}

    worst = corner(reference, settings.bounds)
    points = [point(each.figures, reference) for each in findings.trials if each.figures]
    return {
        "command": command,
        "bounds": dataclasses.asdict(settings.bounds),
        "minimise": settings.minimise,
        "strategy": settings.strategy,
        "quality": QUALITY[findings.task][0].label,
        "seed": search.seed,
        "ended": findings.ended,
        "reference": with_test(0),
        "spent": {
            "core_seconds": findings.spent,
            "of_that_by_an_earlier_run": findings.reused,
            "untrained_networks": findings.probed,
            "reference": findings.start,
            "deciding": findings.deciding,
        },
        "space": {"candidates": len(space.candidates), "ruled_out_untrained": len(without), **_space(space)},
        "left_out": findings.left_out,
        "networks": {name: _figures(each, reference) for name, each in findings.networks.items()},
        "hypervolume": {"value": hypervolume(points, worst), "corner": worst},
        "chosen": with_test(result.chosen),
        "nearest_miss": with_test(result.nearest),
        "pareto": [with_test(place) for place in result.pareto],
        "trials": [row(place) for place in range(len(findings.trials))],
    }


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Writes budget.json, budget.md and pareto.svg."""
    from pipeline.reporting.charts.base import standalone
    from pipeline.reporting.charts.trade_off import Mark, trade_off_chart

    (folder / "budget.json").write_text(json.dumps(found, indent=1))
    best = {each["number"] for each in found["pareto"]}
    chosen = found["chosen"]["number"] if found["chosen"] else None
    marks = [
        Mark(each["size_kb"], each["latency_ms"], each["quality"], each["number"] in best, each["number"] == chosen)
        for each in found["trials"]
        if each["status"] != "failed"
    ]
    bounds = found["bounds"]
    drawn = trade_off_chart(
        marks,
        quality=f"{found['quality']}, %",
        size_kb=bounds["size_kb"],
        latency_ms=bounds["latency_ms"],
        alternative=verdict(found)[-1],
    )
    (folder / "pareto.svg").write_text(standalone(drawn))
    (folder / "budget.md").write_text(page(found))


def hand_over(search: Search, workshop: Workshop, findings: Findings, trial: Trial, folder: Path) -> None:
    """Copies the chosen model: the TFLite file, its facts, and the Keras model that it was made from."""
    artifacts = workshop.account.artifacts
    *links, exported, _ = chain(trial.candidate, trial.rung, findings.space)
    model = artifacts[links[-1].name if links else search.settings.reference].files
    target = folder / "chosen"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(artifacts[exported.name].files, target)
    quantized = (model / "reference.keras").is_file()
    shutil.copyfile(model / ("reference.keras" if quantized else "model.keras"), target / "model.keras")


def _figures(figures: Figures, reference: Figures) -> dict[str, float]:
    return {**dataclasses.asdict(figures), "drop": reference.quality - figures.quality}


def _space(space: Any) -> dict[str, Any]:
    return {field.name: list(value) if isinstance(value := getattr(space, field.name), Sequence) else value
            for field in dataclasses.fields(space)}  # fmt: skip
