"""Two runs side by side: what was set otherwise, and what came out otherwise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.reporting.caveats import unlike
from pipeline.reporting.compare import verdict
from pipeline.reporting.document import Document, measurement_of
from pipeline.reporting.figures import format_money, format_seconds
from pipeline.reporting.flatten import flatten
from pipeline.reporting.graph import upstream
from pipeline.reporting.metrics import COST, figures_of, metrics_of, times
from pipeline.reporting.money import total_cost, total_money

ABSENT = "not set"


class Difference(NamedTuple):
    """A thing that differs: its name and what it is in each of the runs, as text."""

    name: str
    first: str
    second: str


class Figure(NamedTuple):
    """A figure of both runs, and the change from the first to the second; `trend` as in `Row`."""

    name: str
    first: str
    second: str
    change: str
    trend: str


class Runs(NamedTuple):
    """Two runs compared.

    Attributes:
        verdicts: That of each.
        settings: The differences in configuration, by dotted key.
        surroundings: Those in environment: versions, processor, cores.
        figures: Of each model that both have, by its name, unless both have it from the same artifacts.
        totals: Of all stages together.
        alone: Models that one of the runs has, in words.
        caveats: What makes figures hard to compare.
    """

    verdicts: tuple[str, str]
    settings: list[Difference]
    surroundings: list[Difference]
    figures: dict[str, list[Figure]]
    totals: list[Figure]
    alone: list[str]
    caveats: list[str]


def compare_runs(first: Document, second: Document) -> Runs:
    """Compares two runs; a median latency within 5 % is no faster, as within one report.

    Raises:
        ValueError: If a document can't be compared in itself, or its configuration is not YAML.
    """
    import yaml

    try:
        configurations = [_settings(yaml.safe_load(document["config"])) for document in (first, second)]
    except yaml.YAMLError as error:
        raise ValueError(f"config is not YAML: {' '.join(str(error).split())}") from None
    names = [[model["name"] for model in document["models"]] for document in (first, second)]
    both = [name for name in names[0] if name in names[1]]
    return Runs(
        (verdict(first), verdict(second)),
        differences(*configurations),
        differences(_surroundings(first), _surroundings(second)),
        {name: _figures(first, second, name) for name in both if not _is_same(first, second, name)},
        _totals(first, second),
        [
            f"{name} was measured in the {place} run alone."
            for place, own, other in (("first", *names), ("second", *reversed(names)))
            for name in own
            if name not in other
        ],
        [line for name in both for line in _caveats(first, second, name)],
    )


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[Difference]:
    """Lists what is not the same in two mappings of texts, in the order of the first."""
    keys = dict.fromkeys([*first, *second])
    return [
        Difference(key, first.get(key, ABSENT), second.get(key, ABSENT))
        for key in keys
        if first.get(key) != second.get(key)
    ]


def _settings(configuration: Any) -> dict[str, str]:
    """Returns a configuration's values as YAML would have them in a line, by dotted key; lists are values."""
    return {key: _line(value) for key, value in flatten(configuration).items()}


def _line(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, list):
        return f"[{', '.join(map(_line, value))}]"
    return str(value) if value != "" else "''"


def _surroundings(document: Document) -> dict[str, str]:
    place = document["environment"]
    own = {key: str(place[key]) for key in ("python", "platform", "cpu", "cores")}
    return {**own, **place["libraries"]}


def _figures(first: Document, second: Document, name: str) -> list[Figure]:
    measured = [measurement_of(document, name) for document in (first, second)]
    metrics = metrics_of(measured[0]) if measured[0]["task"] == measured[1]["task"] else COST
    was, now = (figures_of(document, name) for document in (first, second))
    return [
        Figure(
            metric.label,
            metric.text(metric.value(was)),
            metric.text(metric.value(now)),
            *metric.change(metric.value(was), metric.value(now)),
        )
        for metric in metrics
    ]


def _totals(first: Document, second: Document) -> list[Figure]:
    found = []
    costs = [total_cost(document) for document in (first, second)]
    for label, was, now in (
        ("Wall time of all stages", costs[0]["wall_seconds"], costs[1]["wall_seconds"]),
        ("Core time of all stages", costs[0]["core_seconds"], costs[1]["core_seconds"]),
    ):
        found.append(Figure(label, format_seconds(was), format_seconds(now), *times("less", "more")(was, now)))
    money = [total_money(document) for document in (first, second)]
    texts = [format_money(amount, each["currency"]) for amount, each in zip(money, (first, second), strict=True)]
    priced = [(document["per_core_hour"], document["currency"]) for document in (first, second)]
    change = times("less", "more")(*money) if priced[0] == priced[1] else ("not comparable: another price", "same")
    return [*found, Figure("Money", texts[0], texts[1], *change)]


def _caveats(first: Document, second: Document, name: str) -> list[str]:
    was, now = (measurement_of(document, name) for document in (first, second))
    found = unlike(f"{name} of the second run", now, f"{name} of the first", was)
    if was["task"] != now["task"]:
        found.append(f"{name} is a {was['task']} in the first run and a {now['task']} in the second.")
    if _is_same(first, second, name):
        found.append(f"{name} is made of the same artifacts in both runs, so its figures are the same measurement.")
    return found


def _is_same(first: Document, second: Document, name: str) -> bool:
    keys = [_keys(document, name) for document in (first, second)]
    return bool(keys[0]) and keys[0] == keys[1]


def _keys(document: Document, name: str) -> set[str]:
    """Returns the keys of all artifacts that a model and its figures come from."""
    stage = next(model["stage"] for model in document["models"] if model["name"] == name)
    return {each["key"] for each in upstream(document["stages"], stage)}
