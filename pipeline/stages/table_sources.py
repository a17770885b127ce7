"""Settings of the sources that are files of a table."""

from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic.dataclasses import dataclass

from pipeline.engine.stage import OUTSIDE_KEY, STRICT
from pipeline.stages.reading import Reading, TaskSetting

ColumnSetting = Literal["numeric", "integer", "categorical", "drop"]
Part = Literal["train", "validation", "test"]


@dataclass(config=STRICT, kw_only=True)
class TableSource:
    """What CSV and Parquet files have in common: one file, or one for each part; and what their columns are."""

    kind: ClassVar[str | None] = "table"
    path: str | dict[Part, str] = field(metadata=OUTSIDE_KEY)
    label: str | list[str]
    task: TaskSetting
    columns: dict[str, ColumnSetting] | None
    group: str | None
    time: str | None
    part: str | None

    def files(self) -> dict[str, Path]:
        """Returns the file, or each part's."""
        if isinstance(self.path, str):
            return {Path(self.path).name: Path(self.path).expanduser()}
        return {f"{part}/{Path(path).name}": Path(path).expanduser() for part, path in self.path.items()}

    def arguments(self, reading: Reading) -> dict[str, Any]:
        """Returns what both readers take."""
        path: Any = (
            Path(self.path).expanduser()
            if isinstance(self.path, str)
            else {part: Path(path).expanduser() for part, path in self.path.items()}
        )
        return {
            "path": path,
            "scratch": reading.scratch,
            "label": self.label,
            "task": self.task,
            "columns": self.columns or {},
            "group": self.group,
            "time": self.time,
            "part": self.part,
            "on_error": reading.on_error,
        }


@dataclass(config=STRICT, kw_only=True)
class CsvSource(TableSource):
    """CSV files with a header, plain or gzipped."""

    source: Literal["csv"] = "csv"
    delimiter: str
    missing: list[str]

    def load(self, reading: Reading) -> Any:
        """Returns the table."""
        from pipeline.data.sources.csv import load_csv

        return load_csv(**self.arguments(reading), delimiter=self.delimiter, missing=self.missing)


@dataclass(config=STRICT, kw_only=True)
class ParquetSource(TableSource):
    """Parquet files."""

    source: Literal["parquet"] = "parquet"

    def load(self, reading: Reading) -> Any:
        """Returns the table."""
        from pipeline.data.sources.parquet import load_parquet

        return load_parquet(**self.arguments(reading))
