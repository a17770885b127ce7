"""The graph of named stages: who feeds whom, in which order they run."""

import graphlib
from collections.abc import Mapping

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import Stage

ANY_NAME = "*"


def ordered(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Returns the stages so that each comes after its inputs, ties in the order of the configuration.

    Raises:
        ConfigError: For an input that is missing, unknown, of the wrong type, or part of a cycle.
    """
    for name, stage in stages.items():
        _check_inputs(name, stage, stages)
    sorter = graphlib.TopologicalSorter({name: stage.inputs.values() for name, stage in stages.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = list(reversed(error.args[1]))
        raise ConfigError(f"stages.{cycle[0]}.inputs", f"a cycle: {' -> '.join(cycle)}") from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=list(stages).index)
        order += ready
        sorter.done(*ready)
    return {name: stages[name] for name in order}


def ancestors(name: str, stages: Mapping[str, Stage]) -> list[str]:
    """Returns the names of all stages upstream of one, in the order of `stages`."""
    found: set[str] = set()
    waiting = list(stages[name].inputs.values())
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += stages[each].inputs.values()
    return [each for each in stages if each in found]


def consumers(name: str, stages: Mapping[str, Stage]) -> list[str]:
    """Returns the names of the stages that one feeds directly."""
    return [each for each, stage in stages.items() if name in stage.inputs.values()]


def _check_inputs(name: str, stage: Stage, stages: Mapping[str, Stage]) -> None:
    key = f"stages.{name}.inputs"
    open_ended = ANY_NAME in stage.accepts
    for wanted in stage.accepts:
        if wanted != ANY_NAME and wanted not in stage.inputs:
            raise ConfigError(
                f"{key}.{wanted}",
                f"missing; a {stage.kind} stage needs it",
                accepted=_fitting(stage.accepts[wanted], stages, name),
            )
    if open_ended and not stage.inputs:
        raise ConfigError(
            key,
            f"a {stage.kind} stage needs at least one input",
            accepted=_fitting(stage.accepts[ANY_NAME], stages, name),
        )
    for given, source in stage.inputs.items():
        if given not in stage.accepts and not open_ended:
            raise ConfigError(f"{key}.{given}", "unknown input", value=source, accepted=stage.accepts, name=given)
        types = stage.accepts.get(given) or stage.accepts[ANY_NAME]
        fitting = _fitting(types, stages, name)
        if source not in stages:
            raise ConfigError(f"{key}.{given}", "no such stage", value=source, accepted=fitting, name=source)
        if stages[source].produces not in types:
            made = f"{source} is a {stages[source].kind} stage and gives a {stages[source].produces}"
            raise ConfigError(f"{key}.{given}", f"{made}, not a {' or '.join(types)}", value=source, accepted=fitting)


def _fitting(types: tuple[str, ...], stages: Mapping[str, Stage], name: str) -> list[str]:
    return [each for each, stage in stages.items() if stage.produces in types and each != name]
