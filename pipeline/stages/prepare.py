"""The `prepare` stage: a source of examples, split into train, validation and test."""

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import STRICT, Context, Exhibit, Progress, Stage
from pipeline.stages.reading import OnError, Reading
from pipeline.stages.settings import Positive, Seed
from pipeline.stages.sources import Source

SHOWN = 20
"""Classes that the report lists."""


@dataclass(config=STRICT, kw_only=True)
class Prepare(Stage):
    """Reads a source and splits it."""

    kind: ClassVar[str] = "prepare"
    produces: ClassVar[str] = "dataset"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pandas", "pillow", "pyarrow", "scikit-learn", "tensorflow")

    data: Source
    split: Literal["auto", "random", "stratified", "grouped", "time", "given"]
    validation: Annotated[float, pydantic.Field(gt=0, lt=1)]
    test: Annotated[float, pydantic.Field(gt=0, lt=1)]
    impute: Literal["mean", "median"]
    on_error: OnError
    limit: Positive | None
    seed: Seed

    @property
    def example_kind(self) -> str | None:
        """Whether the source gives images or a table, where that is known before it is read."""
        return self.data.kind

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a split that leaves nothing to train on."""
        del upstream
        if self.validation + self.test >= 1:
            raise ConfigError("validation", "validation and test leave nothing to train on", value=self.validation,
                              accepted=[f"below {1 - self.test:g}"])  # fmt: skip

    def sources(self) -> dict[str, Path]:
        """Returns the source's files."""
        return self.data.files()

    def run(self, context: Context) -> None:
        """Reads, splits and saves the data set."""
        from pipeline.data.examples import Table
        from pipeline.data.files import load, save
        from pipeline.data.splitting.assign import assign
        from pipeline.data.splitting.check import check_parts
        from pipeline.data.splitting.limit import limit
        from pipeline.data.splitting.take import take_images
        from pipeline.data.tables.write import write_table

        def progress(done: int, total: int) -> None:
            context.progress(Progress(done, total, f"{done:,} of {total:,} read"))

        with tempfile.TemporaryDirectory(dir=context.state) as scratch:
            with blame("data"):
                found = self.data.load(Reading(Path(scratch), self.on_error, progress))
            with blame("split"):
                parts = assign(
                    found.targets,
                    found.placement,
                    by=self.split,
                    validation=self.validation,
                    test=self.test,
                    seed=self.seed,
                )
                check_parts(found.targets, found.placement, parts)
            if self.limit is not None:
                with blame("limit"):
                    parts = limit(found.targets, parts, self.limit, self.seed)
                    check_parts(found.targets, found.placement, parts)
            with blame("data"):
                if isinstance(found, Table):
                    write_table(found, parts, context.output, impute=self.impute)
                else:
                    save(take_images(found, parts), context.output)
        if found.skipped:
            write_skipped(found.skipped, context.output / "skipped.csv")
            read = len(found.targets.values) + len(found.skipped)
            context.note(
                f"{len(found.skipped):,} of {read:,} examples can't be read and were left out; see skipped.csv"
            )
        dataset = load(context.output)
        sizes = [len(part.labels) for part in (dataset.train, dataset.validation, dataset.test)]
        context.log.info("%d train, %d validation, %d test examples", *sizes)
        context.show(Exhibit("examples of each part", ["", "train", "validation", "test"], counts(dataset)))


def counts(dataset: Any) -> list[list[str | int | float]]:
    """Returns how many examples of each class each part has; of the classes only the first few."""
    import numpy as np

    parts = [dataset.train.labels, dataset.validation.labels, dataset.test.labels]
    rows: list[list[str | int | float]] = [["all", *(len(labels) for labels in parts)]]
    names = dataset.info.class_names
    if dataset.info.task == "regression":
        return rows
    if dataset.info.task == "classification":
        each = [np.bincount(labels, minlength=len(names)) for labels in parts]
    else:
        each = [labels.sum(axis=0, dtype=np.int64) for labels in parts]
    rows += [[name, *(int(found[index]) for found in each)] for index, name in enumerate(names[:SHOWN])]
    if len(names) > SHOWN:
        rows.append([f"{len(names) - SHOWN} more", *(int(found[SHOWN:].sum()) for found in each)])
    return rows


def write_skipped(skipped: Sequence[Any], path: Path) -> None:
    """Writes the list of what was left out, and why, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["where", "why"])
        writer.writerows([each.where, each.why] for each in skipped)
