"""The configuration, checked against typed dataclasses before anything heavy is imported."""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
import pydantic

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import STRICT, Stage


@pydantic.dataclasses.dataclass(config=STRICT, kw_only=True)
class StoreSettings:
    """Where artifacts live and how much of the store is checked at each run."""

    path: str | None = None
    verify: Literal["all", "read"] = "all"

    @property
    def folder(self) -> Path:
        """The store's folder; without a setting, one below the user's cache folder."""
        return Path(self.path).expanduser() if self.path else default_store()


@pydantic.dataclasses.dataclass(config=STRICT, kw_only=True)
class CostSettings:
    """The price of computing."""

    per_core_hour: Annotated[float, pydantic.Field(ge=0)] = 0.0
    currency: str = "USD"


@pydantic.dataclasses.dataclass(config=STRICT, kw_only=True)
class Settings:
    """The whole configuration. `data`, `model` and the like reach stages by interpolation and are checked there.

    `tracking`, `profile` and `debug` are checked by those who heed them; `budget` makes it a search, which checks it.
    """

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seed: Annotated[int, pydantic.Field(ge=0, lt=2**31)]
    allow_targets: list[str]
    dry_run: bool
    store: StoreSettings
    cost: CostSettings
    stages: dict[str, dict[str, Any]]
    data: dict[str, Any]
    model: dict[str, Any]
    student: dict[str, Any]
    optimizer: dict[str, Any]
    distribution: dict[str, Any]
    tracking: dict[str, Any] = dataclasses.field(default_factory=dict)
    profile: dict[str, Any] = dataclasses.field(default_factory=dict)
    debug: dict[str, Any] = dataclasses.field(default_factory=dict)
    budget: dict[str, Any] | None = None


def default_store() -> Path:
    """Returns the store's folder below the user's cache folder."""
    return Path(platformdirs.user_cache_dir("frugal", appauthor=False)) / "store"


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Checks the configuration as a whole.

    Raises:
        ConfigError: Naming the first key at fault.
    """
    return typing.cast(Settings, checked(Settings, config, ""))


def read_stages(configs: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, type[Stage]]) -> dict[str, Stage]:
    """Turns the configured stages into typed ones.

    Args:
        configs: The settings of each stage, by name.
        kinds: The known stage classes, by kind.

    Raises:
        ConfigError: Naming the first key at fault.
    """
    stages = {}
    for name, config in configs.items():
        rest = dict(config)
        kind = rest.pop("kind", None)
        if kind not in kinds:
            problem = "missing; it says what the stage does" if kind is None else "unknown stage"
            raise ConfigError(f"stages.{name}.kind", problem, value=kind, accepted=sorted(kinds), name=str(kind))
        stages[name] = checked(kinds[kind], rest, f"stages.{name}")
    for name, stage in stages.items():
        upstream = {given: stages[source] for given, source in stage.inputs.items() if source in stages}
        try:
            stage.check(upstream)
        except ConfigError as error:
            raise error.below(f"stages.{name}") from None
    return stages


def checked(kind: type, config: Mapping[str, Any], prefix: str) -> Any:
    """Builds a dataclass from plain data.

    Raises:
        ConfigError: For an unknown, missing or ill-typed key, naming it below `prefix`.
    """
    try:
        # As JSON, because strict mode refuses a mapping for a dataclass when it is given as Python.
        return _adapter(kind).validate_json(json.dumps(dict(config)))
    except pydantic.ValidationError as error:
        raise _explained(kind, error.errors(include_url=False)[0], prefix) from None


@functools.cache
def _adapter(kind: type) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def _explained(kind: type, error: Any, prefix: str) -> ConfigError:
    owner, path = _walk(kind, [part for part in error["loc"] if part != "__root__"])
    key = ".".join([prefix, *path] if prefix else path)
    value, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            names = [f.name for f in dataclasses.fields(owner)]
            return ConfigError(key, "unknown key", value=value, accepted=names, name=path[-1])
        case "missing" | "missing_argument":
            return ConfigError(key, "missing; it must be given")
        case "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            return ConfigError(f"{key}.{tag}", "missing; it must be given")
        case "union_tag_invalid":
            tag, accepted = context["discriminator"].strip("'"), context["expected_tags"].replace("'", "").split(", ")
            return ConfigError(f"{key}.{tag}", "unknown", value=context["tag"], accepted=accepted, name=context["tag"])
        case "literal_error":
            accepted = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return ConfigError(key, "not one of the choices", value=value, accepted=accepted, name=str(value))
        case "dataclass_type" | "dict_type" if _is_group(owner, path):
            place = ".".join(path) if len(path) > 1 else key  # a group that stages share, or the stage's own
            return ConfigError(key, "takes a group's settings", value=value, accepted=[f"{path[-1]}@{place}={value}"])
        case "value_error":
            return ConfigError(key, str(context["error"]), value=None if isinstance(value, dict) else value)
        case _:
            accepted = error["msg"].removeprefix("Input should be ").removeprefix("List should have ")
            return ConfigError(key, "not valid", value="null" if value is None else value, accepted=[accepted])


def _walk(kind: Any, loc: list[Any]) -> tuple[Any, list[str]]:
    """Follows an error's location through the types; tags of unions, which no user wrote, are dropped from the path."""
    owner, path = kind, []
    for part in loc:
        members = _members(owner)
        tagged = [each for each in members if getattr(each, "__name__", None) == part or _tag(each) == part]
        if len(members) > 1 and tagged:
            owner = tagged[0]
            continue
        owner = members[0] if len(members) == 1 else owner
        path.append(str(part))
        if dataclasses.is_dataclass(owner) and part in (hints := typing.get_type_hints(owner)):
            last, owner = owner, hints[part]
            if part == loc[-1]:
                owner = last
    return owner, path


def _is_group(owner: Any, path: list[str]) -> bool:
    hints = typing.get_type_hints(owner, include_extras=True) if dataclasses.is_dataclass(owner) and path else {}
    return bool(path) and any(dataclasses.is_dataclass(each) for each in _members(hints.get(path[-1])))


def _members(kind: Any) -> list[Any]:
    if typing.get_origin(kind) is Annotated:
        return _members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [each for each in typing.get_args(kind) if each is not type(None)]
    return [kind]


def _tag(kind: Any) -> Any:
    if not dataclasses.is_dataclass(kind):
        return None
    for f in dataclasses.fields(kind):
        if typing.get_origin(f.type) is Literal and f.default is not dataclasses.MISSING:
            return f.default
    return None
