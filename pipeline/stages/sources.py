"""Settings of every source that `prepare` reads; each knows its files and how to load them."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic.dataclasses import dataclass

from pipeline.engine.stage import OUTSIDE_KEY, STRICT
from pipeline.stages.reading import Reading, TaskSetting
from pipeline.stages.settings import Positive
from pipeline.stages.table_sources import CsvSource, ParquetSource


@dataclass(config=STRICT, kw_only=True)
class DigitsSource:
    """The 1,797 8x8 images of digits that scikit-learn brings."""

    kind: ClassVar[str | None] = "image"
    source: Literal["digits"] = "digits"

    def files(self) -> dict[str, Path]:
        """Returns none: the data is part of a library, whose version is in the key."""
        return {}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.digits import load_digits

        del reading
        return load_digits()


@dataclass(config=STRICT, kw_only=True)
class BreastCancerSource:
    """The table of 569 breast-cancer cases that scikit-learn brings."""

    kind: ClassVar[str | None] = "table"
    source: Literal["breast_cancer"] = "breast_cancer"

    def files(self) -> dict[str, Path]:
        """Returns none: the data is part of a library, whose version is in the key."""
        return {}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.breast_cancer import load_breast_cancer

        del reading
        return load_breast_cancer()


@dataclass(config=STRICT, kw_only=True)
class IdxSource:
    """Images in the four IDX files of MNIST and its kin; fetched when they are absent and `url` is set."""

    kind: ClassVar[str | None] = "image"
    source: Literal["idx"] = "idx"
    path: str = field(metadata=OUTSIDE_KEY)
    class_names: list[str]
    url: str | None = field(default=None, metadata=OUTSIDE_KEY)
    download_to: str | None = field(default=None, metadata=OUTSIDE_KEY)
    hashes: dict[str, str] = field(default_factory=dict, metadata=OUTSIDE_KEY)

    def files(self) -> dict[str, Path]:
        """Returns the four files, after fetching them if need be."""
        from pipeline.data.sources.idx import idx_files

        return {path.name: path for path in idx_files(self._folder())}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.idx import load_idx

        del reading
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
class ImageFolderSource:
    """A folder of images: one folder for each class, or for each part one with the classes' folders."""

    kind: ClassVar[str | None] = "image"
    source: Literal["image_folder"] = "image_folder"
    path: str = field(metadata=OUTSIDE_KEY)
    size: Annotated[list[Positive], pydantic.Field(min_length=2, max_length=2)]
    channels: Literal[1, 3]

    def files(self) -> dict[str, Path]:
        """Returns all images, by their path below the folder, which names their class."""
        from pipeline.data.sources.images import image_files

        folder = Path(self.path).expanduser()
        return {path.relative_to(folder).as_posix(): path for path in image_files(folder)}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.images import load_image_folder

        return load_image_folder(
            Path(self.path).expanduser(),
            size=(self.size[0], self.size[1]),
            channels=self.channels,
            on_error=reading.on_error,
            on_progress=reading.progress,
        )


@dataclass(config=STRICT, kw_only=True)
class ArraysSource:
    """NumPy arrays in one .npz file."""

    kind: ClassVar[str | None] = None
    source: Literal["arrays"] = "arrays"
    path: str = field(metadata=OUTSIDE_KEY)
    task: TaskSetting
    scale: Annotated[float, pydantic.Field(gt=0)] | None

    def files(self) -> dict[str, Path]:
        """Returns the file."""
        return {Path(self.path).name: Path(self.path).expanduser()}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.arrays import load_arrays

        del reading
        task = None if self.task == "auto" else self.task
        return load_arrays(Path(self.path).expanduser(), task=task, scale=self.scale)


@dataclass(config=STRICT, kw_only=True)
class TfrecordSource:
    """tf.train.Example records, of images or of numbers."""

    kind: ClassVar[str | None] = None
    source: Literal["tfrecord"] = "tfrecord"
    path: str = field(metadata=OUTSIDE_KEY)
    compression: Literal["none", "zlib", "gzip"]
    image: str | None
    features: list[str]
    label: str
    class_names: list[str]
    size: Annotated[list[Positive], pydantic.Field(min_length=2, max_length=2)] | None
    channels: Literal[1, 3]

    def files(self) -> dict[str, Path]:
        """Returns the files of records."""
        from pipeline.data.sources.tfrecord_files import tfrecord_files

        return {path.name: path for path in tfrecord_files(self.path)}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.tfrecord import load_tfrecord

        return load_tfrecord(
            self.path,
            compression=self.compression,
            image=self.image,
            features=self.features,
            label=self.label,
            class_names=self.class_names,
            size=(self.size[0], self.size[1]) if self.size else None,
            channels=self.channels,
            on_error=reading.on_error,
        )


@dataclass(config=STRICT, kw_only=True)
class TfdsSource:
    """A data set of TensorFlow Datasets, where that is installed."""

    kind: ClassVar[str | None] = None
    source: Literal["tfds"] = "tfds"
    name: str
    label: str | None
    size: Annotated[list[Positive], pydantic.Field(min_length=2, max_length=2)] | None
    channels: Literal[1, 3] | None
    data_dir: str | None = field(metadata=OUTSIDE_KEY)
    download: bool = field(metadata=OUTSIDE_KEY)

    def files(self) -> dict[str, Path]:
        """Returns the prepared files, which are fetched if need be and asked for."""
        from pipeline.data.sources.tfds import tfds_files

        files = tfds_files(self.name, data_dir=self._folder(), download=self.download)
        return {path.name: path for path in files}

    def load(self, reading: Reading) -> Any:
        """Returns the examples."""
        from pipeline.data.sources.tfds import load_tfds

        return load_tfds(
            self.name,
            data_dir=self._folder(),
            download=self.download,
            label=self.label,
            size=(self.size[0], self.size[1]) if self.size else None,
            channels=self.channels,
            on_error=reading.on_error,
        )

    def _folder(self) -> Path:
        return Path(self.data_dir).expanduser() if self.data_dir else default_downloads() / "tfds"


@dataclass(config=STRICT, kw_only=True)
class FunctionSource:
    """A user's own function; its module must be on the run's allow-list."""

    kind: ClassVar[str | None] = None
    source: Literal["function"] = "function"
    target: str = pydantic.Field(alias="_target_")
    arguments: dict[str, Any] | None
    allowed: list[str] = field(metadata=OUTSIDE_KEY)

    def files(self) -> dict[str, Path]:
        """Returns the module's file: with its content, the data's key changes."""
        from pipeline.data.sources.function import function_file

        path = function_file(self.target, self.allowed)
        return {path.name: path}

    def load(self, reading: Reading) -> Any:
        """Returns what the function returns."""
        from pipeline.data.sources.function import load_function

        del reading
        return load_function(self.target, self.arguments or {}, self.allowed)


Source = Annotated[
    DigitsSource
    | BreastCancerSource
    | IdxSource
    | CsvSource
    | ParquetSource
    | ImageFolderSource
    | ArraysSource
    | TfrecordSource
    | TfdsSource
    | FunctionSource,
    pydantic.Field(discriminator="source"),
]


def default_downloads() -> Path:
    """Returns the folder for fetched data below the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("frugal", appauthor=False)) / "datasets"
