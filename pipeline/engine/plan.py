"""The plan: for each stage its key, and whether it is reused or has to run, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.artifact import Artifact, DamagedError
from pipeline.engine.errors import ConfigError, one_line
from pipeline.engine.fingerprints import source_digests
from pipeline.engine.graph import consumers
from pipeline.engine.keys import identity, key_of
from pipeline.engine.stage import Stage
from pipeline.engine.store import Store

Action = Literal["run", "reuse", "unneeded"]


@dataclass(frozen=True)
class Step:
    """One stage of a plan.

    Attributes:
        name: The stage's name.
        stage: Its settings.
        identity: All that determines its artifact.
        key: The hash of that.
        action: What will happen.
        why: The reason, for a person.
        artifact: The artifact in the store, if any.
        damaged: What is wrong with it, if anything.
    """

    name: str
    stage: Stage
    identity: Mapping[str, Any]
    key: str
    action: Action
    why: str
    artifact: Artifact | None = None
    damaged: str | None = None


def make_plan(stages: Mapping[str, Stage], store: Store, *, verify_all: bool, facts: Mapping[str, str]) -> list[Step]:
    """Decides what to do with each stage.

    A stage runs if its artifact is absent or damaged and somebody wants it: the run, for a stage that feeds no other,
    or a stage downstream that itself has to run.

    Args:
        stages: The stages in order.
        store: Where artifacts are.
        verify_all: Whether each artifact is checked in full now, or only those that the run delivers.
        facts: Facts of the run, as for `Runner`.

    Raises:
        ConfigError: If a source file can't be read.
    """
    identities: dict[str, dict[str, Any]] = {}
    keys: dict[str, str] = {}
    for name, stage in stages.items():
        given = {each: keys[source] for each, source in stage.inputs.items()}
        identities[name] = identity(stage, given, _sources(name, stage, store), facts)
        keys[name] = key_of(identities[name])
    found: dict[str, Artifact | None] = {}
    damage: dict[str, str] = {}
    for name, key in keys.items():
        look = store.open if verify_all or stages[name].delivers else store.find
        try:
            found[name] = look(key)
        except DamagedError as error:
            found[name], damage[name] = None, str(error)
    actions: dict[str, Action] = {}
    for name in reversed(list(stages)):
        fed = consumers(name, stages)
        wanted = not fed or name in damage or any(actions[each] == "run" for each in fed)
        actions[name] = "reuse" if found[name] else "run" if wanted else "unneeded"
    earlier = list(store.all()) if "run" in actions.values() else []
    return [
        Step(
            name,
            stage,
            identities[name],
            keys[name],
            actions[name],
            _why(name, actions[name], identities[name], stage, keys, earlier, damage.get(name)),
            found[name],
            damage.get(name),
        )
        for name, stage in stages.items()
    ]


def _sources(name: str, stage: Stage, store: Store) -> dict[str, str]:
    try:
        files = stage.sources()
        return source_digests(files, store.root / "sources.sqlite") if files else {}
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"stages.{name}", one_line(str(error))) from error


def _why(
    name: str,
    action: Action,
    identity: Mapping[str, Any],
    stage: Stage,
    keys: Mapping[str, str],
    earlier: list[Artifact],
    damage: str | None,
) -> str:
    if action == "reuse":
        return "in the store"
    if action == "unneeded":
        return "what it feeds is in the store"
    if damage:
        return f"damaged in the store: {damage}"
    candidates = [each for each in earlier if each.manifest["kind"] == stage.kind and each.key != keys[name]]
    if not candidates:
        return f"no {stage.kind} stage was built before"
    # The likeliest ancestor is the one of the same name, then the one that differs least, then the newest.
    ranked = [
        (each.manifest["stage"] != name, len(_changes(each, identity, stage)), -n, each)
        for n, each in enumerate(candidates)
    ]
    nearest = min(ranked, key=lambda entry: entry[:3])[3]
    return "; ".join(_changes(nearest, identity, stage)) or "its artifact was removed"


def _changes(artifact: Artifact, identity: Mapping[str, Any], stage: Stage) -> list[str]:
    old = artifact.manifest["identity"]
    if old["format"] != identity["format"]:
        return ["the engine's format changed"]
    said = [
        f"input {name} changed ({stage.inputs[name]})"
        for name, key in identity["inputs"].items()
        if old["inputs"].get(name) != key
    ]
    said += [f"input {name} is gone" for name in old["inputs"] if name not in identity["inputs"]]
    said += _differences("", old["settings"], identity["settings"])
    said += [
        f"source {Path(name).name} changed"
        for name, digest in identity["sources"].items()
        if old["sources"].get(name) != digest
    ]
    said += _differences("", old["libraries"], identity["libraries"])
    said += [f"the run's {name} changed" for name, fact in identity["facts"].items() if old["facts"].get(name) != fact]
    if old["code"] != identity["code"]:
        said.append(f"the code of {stage.kind} changed")
    return said


def _differences(prefix: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in sorted(old.keys() | new.keys())
            for line in _differences(f"{prefix}.{key}" if prefix else key, old.get(key), new.get(key))
        ]
    return [] if old == new else [f"{prefix}: {old} -> {new}"]
