"""The settings of a budget search, and the space that they and the run's networks leave."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.budget.graph import configured
from pipeline.engine.errors import ConfigError
from pipeline.engine.graph import ordered
from pipeline.engine.settings import Settings, checked, read_stages
from pipeline.engine.stage import STRICT, Stage
from pipeline.search.bounds import Bounds
from pipeline.search.candidate import NETWORKS, REFERENCE, STUDENT, Candidate, Space, scaled
from pipeline.search.chain import chain
from pipeline.stages.registry import KINDS

REQUIRED = ("build", "train", "export", "measure", "report")
OPTIONAL = ("teach", "distill", "separate", "prune", "cluster", "quantize", "quantize_aware")
CONVOLUTIONAL = ("cnn", "resnet")
PARTS = (
    ("distilled", "distilled", "distillation"),
    ("separable", "separable", "separable convolutions"),
    ("sparsities", "sparsity", "zeros {:.0%}"),
    ("clusters", "clusters", "{} clusters"),
    ("quantizations", "quantization", "{}"),
)
"""Parts of the space: their name there, in a candidate, and in words."""

Positive = Annotated[int, pydantic.Field(gt=0)]
Above = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]


@dataclass(config=STRICT, kw_only=True)
class BudgetSettings:
    """The section `budget` of a configuration."""

    accuracy_drop: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)] | None
    latency_ms: Above | None
    size_kb: Above | None
    minimise: Literal["size", "latency", "both"]
    strategy: Literal["guided", "random"]
    trials: Positive
    core_seconds: Above | None
    epochs: Annotated[list[Positive], pydantic.Field(min_length=1)]
    reduction: Annotated[int, pydantic.Field(ge=2)]
    fine_tune_epochs: Positive
    reference: str
    networks: Annotated[list[Literal["reference", "student"]], pydantic.Field(min_length=1)]
    widths: Annotated[list[Annotated[float, pydantic.Field(gt=0, le=1)]], pydantic.Field(min_length=1)]
    sparsities: list[Annotated[float, pydantic.Field(gt=0, lt=1)]]
    clusters: list[Annotated[int, pydantic.Field(ge=3)]]
    quantizations: list[Literal["float16", "dynamic", "int8", "aware"]]
    techniques: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        if self.epochs != sorted({*self.epochs}):
            raise ValueError(f"epochs={self.epochs} of the rungs must rise; accepted: such as [2, 6]")
        for name in ("widths", "sparsities"):
            values = getattr(self, name)
            if len({round(100 * each) for each in values}) < len({*values}):
                raise ValueError(f"{name}={values} must differ by a hundredth or more")

    @property
    def bounds(self) -> Bounds:
        """What a model must keep to."""
        return Bounds(self.accuracy_drop, self.latency_ms, self.size_kb)


@dataclasses.dataclass(frozen=True)
class Search:
    """A search, checked.

    Attributes:
        settings: Its settings.
        space: What may be tried.
        left_out: What the settings name and this run can't have, with the reason.
        stages: The reference's stages as configured, by name.
        models: The settings of each network, by the name of network and width.
        seed: Of the run.
    """

    settings: BudgetSettings
    space: Space
    left_out: Mapping[str, str]
    stages: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    seed: int

    @property
    def data(self) -> str:
        """The stage whose data set the reference was trained on, and all candidates are."""
        return str(self.stages[self.settings.reference]["inputs"]["data"])


def read_budget(settings: Settings) -> Search:
    """Checks the section `budget` against the run that it belongs to.

    Raises:
        ConfigError: Naming the key at fault, its value, and what is accepted.
    """
    budget: BudgetSettings = checked(BudgetSettings, settings.budget or {}, "budget")
    _check_techniques(budget.techniques)
    stages = read_stages(settings.stages, KINDS)
    models = [name for name, stage in stages.items() if stage.produces == "model" and "data" in stage.inputs]
    if budget.reference not in models:
        raise ConfigError(
            "budget.reference", "no stage that makes a model from data", value=budget.reference, accepted=models,
            name=budget.reference,
        )  # fmt: skip
    own = settings.stages[budget.reference].get("model") if stages[budget.reference].kind == "train" else None
    families = {REFERENCE: own, STUDENT: settings.student}
    left_out = _missing(budget)
    if own is None:
        left_out["other widths of the reference"] = f"stages.{budget.reference} has no settings of a family"
    space = Space(
        networks=tuple(name for name in NETWORKS if name in budget.networks),
        widths=tuple(budget.widths),
        distilled=(False, True) if {"teach", "distill"} <= budget.techniques.keys() else (False,),
        separable=(False, True) if "separate" in budget.techniques else (False,),
        sparsities=(0.0, *budget.sparsities) if "prune" in budget.techniques else (0.0,),
        clusters=(0, *budget.clusters) if "cluster" in budget.techniques else (0,),
        quantizations=("none", *(each for each in budget.quantizations if _kind(each) in budget.techniques)),
        epochs=tuple(budget.epochs),
        fine_tune=budget.fine_tune_epochs,
        inseparable=tuple(name for name, model in families.items() if (model or {}).get("family") not in CONVOLUTIONAL),
        fixed=(REFERENCE,) if own is None else (),
    )
    search = Search(budget, space, left_out, settings.stages, families_at_widths(space, families), settings.seed)
    return _fitting(search)


def families_at_widths(space: Space, families: Mapping[str, Mapping[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """Returns the settings of each network that a candidate starts from, by its name."""
    found = {}
    for each in space.networks_to_build():
        if (model := families[each.network]) is not None:
            found[each.network_name] = scaled(dict(model), each.width)
    return found


def _kind(quantization: str) -> str:
    return "quantize_aware" if quantization == "aware" else "quantize"


def _missing(budget: BudgetSettings) -> dict[str, str]:
    """Returns what the settings name without the stage that does it."""
    needs: dict[str, list[str]] = {
        "distillation": ["teach", "distill"],
        "separable convolutions": ["separate"],
        "zeros": ["prune"],
        "shared values": ["cluster"],
        **{each: [_kind(each)] for each in budget.quantizations},
    }
    return {
        what: f"no budget.techniques.{kind}"
        for what, kinds in needs.items()
        for kind in kinds
        if kind not in budget.techniques
    }


def _check_techniques(techniques: Mapping[str, Mapping[str, Any]]) -> None:
    for name in REQUIRED:
        if name not in techniques:
            raise ConfigError(f"budget.techniques.{name}", "missing; the search needs it")
    for name, given in techniques.items():
        if name not in (known := (*REQUIRED, *OPTIONAL)):
            raise ConfigError(f"budget.techniques.{name}", "unknown technique", accepted=known, name=name)
        settings = dict(given)
        if (kind := settings.pop("kind", None)) != name:
            raise ConfigError(f"budget.techniques.{name}.kind", "another technique", value=kind, accepted=[name])
        stage = checked(KINDS[name], settings, f"budget.techniques.{name}")
        if name == "export" and "tflite" not in stage.formats:
            raise ConfigError(
                "budget.techniques.export.formats", "the search measures TFLite files", value=stage.formats,
                accepted=["[tflite]"],
            )  # fmt: skip


def _fitting(search: Search) -> Search:
    """Leaves out what this run's networks and data can't have, as far as that is known before anything runs."""
    space, left_out = search.space, dict(search.left_out)
    refused = {
        name: _refusal(next(each for each in space.candidates if each.network == name), search)
        for name in space.networks
    }
    left_out |= {name: why for name, why in refused.items() if why}
    networks = tuple(name for name in space.networks if not refused[name])
    if not networks:
        raise ConfigError("budget.networks", f"none can be trained: {'; '.join(filter(None, refused.values()))}")
    space = dataclasses.replace(space, networks=networks)
    if set(space.networks) <= set(space.inseparable) and True in space.separable:
        left_out["separable convolutions"] = "no network of the space has plain convolutions"
        space = dataclasses.replace(space, separable=(False,))
    kept: dict[str, Any] = {}
    for part, attribute, said in PARTS:
        kept[part] = ()
        for value in getattr(space, part):
            # The one with the fewest other techniques; none where only networks that are left out could have had it.
            example = next((each for each in space.candidates if getattr(each, attribute) == value), None)
            if example and not (why := _refusal(example, search)):
                kept[part] += (value,)
            elif example:
                left_out[said.format(value)] = why
    return dataclasses.replace(search, space=dataclasses.replace(space, **kept), left_out=left_out)


def _refusal(candidate: Candidate, search: Search) -> str:
    """Returns why the stages of a candidate can't be, or ""."""
    try:
        ordered(stages_of(chain(candidate, search.space.top, search.space), search))
    except ConfigError as error:
        return str(error).partition(".")[2].partition(".")[2] or str(error)
    return ""


def stages_of(links: Any, search: Search) -> dict[str, Stage]:
    """Returns the reference's stages and those of some links, typed."""
    settings = search.settings
    configs = configured(links, search.stages, settings.techniques, settings.reference, search.models)
    return read_stages(configs, KINDS)
