"""What a search says at its end, and its page in Markdown; both are made from what budget.json holds."""

from collections.abc import Mapping
from typing import Any

from pipeline.reporting.metrics import speed, times
from pipeline.search.bounds import Bounds

UNITS = {
    "accuracy_drop": "accuracy by {:.2f} points",
    "latency_ms": "latency by {:.3g} ms",
    "size_kb": "size by {:.3g} KiB",
}


def verdict(found: Mapping[str, Any]) -> list[str]:
    """Returns what came of a search in lines: what it tried and spent, what it left out, and what is chosen or nearest.

    Args:
        found: What budget.json holds.
    """
    spent, trials = found["spent"], found["trials"][1:]
    failed = sum(each["status"] == "failed" for each in trials)
    held = sum(each["status"].startswith("stopped") for each in trials)
    lines = [
        f"{len(trials)} trials of {found['space']['candidates']} candidates, {failed} failed, {held} "
        f"stopped early; {found['space']['ruled_out_untrained']} candidates ruled out untrained; "
        f"{spent['core_seconds']:.0f} core-seconds beyond the reference's {spent['reference']:.0f}, "
        f"{spent['of_that_by_an_earlier_run']:.0f} of them by an earlier run; ended: {found['ended']}"
    ]
    lines += [f"left out: {what}: {why}" for what, why in found["left_out"].items()]
    if found["chosen"] is not None:
        return [*lines, f"chosen: {_sentence(found['chosen'], found)}"]
    near = found["nearest_miss"]
    missed = " and ".join(UNITS[name].format(value) for name, value in near["misses"].items())
    bounds = Bounds(**found["bounds"]).said
    return [
        *lines,
        f"nothing satisfies the budget ({bounds}); nearest miss: {_sentence(near, found)}; it misses {missed}",
    ]


def page(found: Mapping[str, Any]) -> str:
    """Returns the page that shows a search.

    Args:
        found: What budget.json holds.
    """
    lines = [
        "# Budget search",
        "",
        f"`{found['command']}`",
        "",
        *(f"- {line}" for line in verdict(found)),
        "",
        f"![{found['quality']} against bytes and time of all trials](pareto.svg)",
        "",
        "The Pareto set, chosen on the validation part; the last column is of the test part, measured once:",
        "",
        f"| model | {found['quality']} | points lost | deflated KiB | p50 ms | points lost, test |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in sorted(found["pareto"], key=lambda row: row["size_kb"]):
        test = f"{each['test']['drop']:.2f}" if "test" in each else ""
        figures = [
            f"{each['quality']:.2f} %",
            f"{each['drop']:.2f}",
            f"{each['size_kb']:.1f}",
            f"{each['latency_ms']:.4f}",
        ]
        lines.append(f"| {' | '.join([each['name'], *figures, test])} |")
    failed = [each for each in found["trials"] if each["status"] == "failed"]
    lines += ["", *(f"- {each['name']}: failed, {each['problem']}" for each in failed)]
    return "\n".join(lines).rstrip() + "\n"


def _sentence(each: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    reference, bound = found["reference"], found["bounds"]["accuracy_drop"]
    smaller = times("smaller", "larger")(reference["size_kb"], each["size_kb"])[0]
    faster = speed(reference["latency_ms"], each["latency_ms"])[0]
    said = (
        f"{each['name']}: {each['size_kb']:.4g} KiB deflated ({smaller}), p50 {each['latency_ms']:.3g} ms ({faster}), "
        f"{0 - each['drop']:+.2f} points on the validation part"
    )
    if "test" in each:
        said += f", {0 - each['test']['drop']:+.2f} on the test part"
        if bound is not None and each["drop"] <= bound < each["test"]["drop"]:
            said += f", more than the {bound:g} that the budget allows"
    return said
