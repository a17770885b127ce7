"""The `prepare` stage: a source of examples, split into train, validation and test."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.errors import ConfigError, blame
from pipeline.engine.stage import OUTSIDE_KEY, STRICT, Context, Stage
from pipeline.stages.settings import Seed


@dataclass(config=STRICT, kw_only=True)
class DigitsSource:
    """The 1,797 8x8 images of digits that scikit-learn brings."""

    kind: ClassVar[str] = "image"
    source: Literal["digits"] = "digits"

    def files(self) -> list[Path]:
        """Returns none: the data is part of a library, whose version is in the key."""
        return []

    def load(self) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.digits import load_digits

        return load_digits()


@dataclass(config=STRICT, kw_only=True)
class BreastCancerSource:
    """The table of 569 breast-cancer cases that scikit-learn brings."""

    kind: ClassVar[str] = "table"
    source: Literal["breast_cancer"] = "breast_cancer"

    def files(self) -> list[Path]:
        """Returns none: the data is part of a library, whose version is in the key."""
        return []

    def load(self) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.breast_cancer import load_breast_cancer

        return load_breast_cancer()


@dataclass(config=STRICT, kw_only=True)
class IdxSource:
    """Images in the four IDX files of MNIST and its kin; fetched when they are absent and `url` is set."""

    kind: ClassVar[str] = "image"
    source: Literal["idx"] = "idx"
    path: str = field(metadata=OUTSIDE_KEY)
    class_names: list[str]
    url: str | None = field(default=None, metadata=OUTSIDE_KEY)
    download_to: str | None = field(default=None, metadata=OUTSIDE_KEY)
    hashes: dict[str, str] = field(default_factory=dict, metadata=OUTSIDE_KEY)

    def files(self) -> list[Path]:
        """Returns the four files, after fetching them if need be."""
        from pipeline.data.sources.idx import idx_files

        return idx_files(self._folder())

    def load(self) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.idx import load_idx

        return load_idx(self._folder(), class_names=self.class_names)

    def _folder(self) -> Path:
        from pipeline.data.sources.download import download_idx
        from pipeline.data.sources.idx import idx_files

        folder = Path(self.path).expanduser()
        if self.url is None or folder.is_dir():
            return folder
        target = Path(self.download_to).expanduser() if self.download_to else default_downloads() / folder.name
        try:
            idx_files(target)
        except FileNotFoundError:
            download_idx(target, self.url, self.hashes)
        return target


@dataclass(config=STRICT, kw_only=True)
class CsvSource:
    """Any CSV file with a header, a label column, and numbers in all other columns."""

    kind: ClassVar[str] = "table"
    source: Literal["csv"] = "csv"
    path: str = field(metadata=OUTSIDE_KEY)
    label: str
    delimiter: str = ","

    def files(self) -> list[Path]:
        """Returns the file."""
        return [Path(self.path).expanduser()]

    def load(self) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.csv import load_csv

        return load_csv(Path(self.path).expanduser(), self.label, delimiter=self.delimiter)


Source = Annotated[DigitsSource | BreastCancerSource | IdxSource | CsvSource, pydantic.Field(discriminator="source")]


@dataclass(config=STRICT, kw_only=True)
class Prepare(Stage):
    """Reads a source and splits it, each class in proportion."""

    kind: ClassVar[str] = "prepare"
    produces: ClassVar[str] = "dataset"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pandas", "scikit-learn")

    data: Source
    validation: Annotated[float, pydantic.Field(gt=0, lt=1)]
    test: Annotated[float, pydantic.Field(gt=0, lt=1)]
    seed: Seed

    def check(self, upstream: Mapping[str, Stage]) -> None:
        """Refuses a split that leaves nothing to train on."""
        del upstream
        if self.validation + self.test >= 1:
            raise ConfigError("validation", "validation and test leave nothing to train on", value=self.validation,
                              accepted=[f"below {1 - self.test:g}"])  # fmt: skip

    def sources(self) -> list[Path]:
        """Returns the source's files."""
        return self.data.files()

    def run(self, context: Context) -> None:
        """Reads, splits and saves the data set."""
        from pipeline.data.dataset import save
        from pipeline.data.split import split

        with blame("data"):
            examples = self.data.load()
            dataset = split(examples, validation=self.validation, test=self.test, seed=self.seed)
        save(dataset, context.output)
        sizes = [len(part.labels) for part in (dataset.train, dataset.validation, dataset.test)]
        context.log.info("%d train, %d validation, %d test examples", *sizes)


def default_downloads() -> Path:
    """Returns the folder for fetched data below the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("frugal", appauthor=False)) / "datasets"
