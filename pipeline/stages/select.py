"""The `select` stage: fewer features."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Stage
from pipeline.stages.settings import Positive, Seed

SHOWN = 30
"""Features that the report lists, the best first."""


@dataclass(config=STRICT, kw_only=True)
class Select(Stage):
    """Keeps the features that score best on the training part."""

    kind: ClassVar[str] = "select"
    produces: ClassVar[str] = "dataset"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"data": ("dataset",)}
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn", "scipy")

    method: Literal["mutual_information", "chi_square", "anova_f", "variance"] | None
    top: Positive | None
    percentile: Annotated[float, pydantic.Field(gt=0, le=100)] | None
    threshold: float | None
    max_correlation: Annotated[float, pydantic.Field(gt=0, le=1)] | None
    bins: Annotated[int, pydantic.Field(ge=2)] | None
    examples: Positive | None
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses any number of rules but one, and bins for a method that takes none."""
        del upstream
        rules = [name for name in ("top", "percentile", "threshold") if getattr(self, name) is not None]
        choices = ["top", "percentile", "threshold"]
        if len(rules) > 1:
            raise ConfigError(rules[1], f"{rules[0]} is given too", accepted=["one of " + ", ".join(choices)])
        if self.method is None and (rules or self.max_correlation is None):
            methods = ["mutual_information", "chi_square", "anova_f", "variance", "or max_correlation alone"]
            raise ConfigError("method", "missing; a rule needs scores", accepted=methods)
        if self.method is not None and not rules and self.max_correlation is None:
            raise ConfigError("top", f"no rule says how many features {self.method} keeps", accepted=choices)
        if self.bins is not None and self.method not in ("mutual_information", "chi_square"):
            raise ConfigError("bins", f"{self.method} takes numbers as they are", value=self.bins, accepted=["null"])

    def run(self, context: Context) -> None:
        """Scores, chooses, and saves the data set with what is kept."""
        from pipeline.data.files import load, save
        from pipeline.data.selection.apply import apply
        from pipeline.data.selection.select import select

        dataset = load(context.inputs["data"].files)
        with blame("method"):
            selection = select(
                dataset.train,
                dataset.info,
                method=self.method,
                top=self.top,
                percentile=self.percentile,
                threshold=self.threshold,
                max_correlation=self.max_correlation,
                bins=self.bins,
                seed=self.seed,
                examples=self.examples,
            )
        save(apply(dataset, selection), context.output)
        kept, found = len(selection.kept), len(selection.names)
        context.log.info("kept %d of %d features: %s", kept, found, ", ".join(selection.kept_names[:SHOWN]))
        if kept == found:
            context.note(f"selection changed nothing: all {found} features are kept")
        context.show(scores(selection, self.method))


def scores(selection: Any, method: str | None) -> Exhibit:
    """Returns the features with their scores, the best first, and why each that was dropped was dropped."""
    values = selection.scores
    order = range(len(selection.names)) if values is None else sorted(range(len(values)), key=lambda i: -values[i])
    kept = set(selection.kept.tolist())
    rows: list[list[str | int | float]] = []
    for index in list(order)[:SHOWN]:
        name = selection.names[index]
        why = selection.dropped.get(name, "kept")
        fate = why if why == "kept" or why.startswith("repeats") else "dropped"
        score = [] if values is None else [max(0.0, float(values[index]))]
        rows.append([name, *score, fate])
    more = f"; {len(selection.names) - SHOWN} more are not listed" if len(selection.names) > SHOWN else ""
    title = f"{len(kept)} of {len(selection.names)} features kept{more}"
    if values is None:
        return Exhibit(title, ["feature", ""], rows)
    return Exhibit(title, ["feature", str(method), ""], rows, bars=str(method))
