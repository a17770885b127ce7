"""The `report` stage: before beside after, and what it cost to get there."""

import json
import os
import platform
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import STRICT, Context, Stage
from pipeline.stages.measure import Measure


@dataclass(config=STRICT, kw_only=True)
class Report(Stage):
    """Writes the report as JSON, Markdown and a self-contained HTML page.

    The names of the measurements among its inputs are the models' names; the exhibits are those of all stages upstream.
    """

    kind: ClassVar[str] = "report"
    produces: ClassVar[str] = "report"
    accepts: ClassVar[dict[str, tuple[str, ...]]] = {"*": ("measurement", "range_test")}
    libraries: ClassVar[tuple[str, ...]] = ("jinja2", "matplotlib")
    delivers: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("command", "config")

    before: str
    per_core_hour: Annotated[float, pydantic.Field(ge=0)]
    currency: str
    title: str

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a `before` that is not among the models."""
        others = {name for name, stage in upstream.items() if stage.produces != Measure.produces}
        models = [name for name in self.inputs if name not in others]
        if self.inputs and self.before not in models:
            raise ConfigError("before", "no such model", value=self.before, accepted=models, name=self.before)

    def run(self, context: Context) -> None:
        """Renders the report."""
        from pipeline.reporting.compare import verdict
        from pipeline.reporting.document import VERSION, Document
        from pipeline.reporting.render import render

        measurements = {
            name: json.loads(artifact.path("measurement.json").read_text())
            for name, artifact in context.inputs.items()
            if artifact.manifest["kind"] == Measure.kind
        }
        facts: dict[str, Any] = {
            "version": VERSION,
            "run": context.run["run"],
            "title": self.title,
            "command": context.run["command"],
            "config": context.run["config"],
            "before": self.before,
            "models": [
                {"name": name, "stage": self.inputs[name], "measurement": found} for name, found in measurements.items()
            ],
            "stages": [
                {"name": name, **{each: manifest[each] for each in STATED}}
                for name, manifest in context.lineage.items()
            ],
            "environment": {**environment(context.lineage), "cpu": cpu_names(measurements)},
            "per_core_hour": self.per_core_hour,
            "currency": self.currency,
        }
        document = cast(Document, facts)
        render(document, context.output)
        (context.output / "verdict.txt").write_text(verdict(document) + "\n")


STATED = ("kind", "key", "inputs", "notes", "exhibits", "created", "run", "cost")


def environment(lineage: Any) -> dict[str, Any]:
    """Returns what a reader needs to set the figures against their own machine."""
    libraries: dict[str, str] = {}
    for manifest in lineage.values():
        libraries |= manifest["identity"]["libraries"]
    return {
        "python": libraries.pop("python"),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "libraries": dict(sorted(libraries.items())),
    }


def cpu_names(measurements: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the processors that the models were measured on; figures of two processors can't be compared."""
    return ", ".join(sorted({str(found["cpu"]) for found in measurements.values()}))
