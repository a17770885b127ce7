"""The dataset a stage hands on: three parts, what is known about them, and their files."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.data.hints import accepted, did_you_mean

Kind = Literal["image", "table"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset.

    Attributes:
        features: Shape (n, h, w, c) for images, (n, columns) for tables, in their stored dtype.
        labels: Class indices, int32, shape (n,).
    """

    features: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Raises ValueError when labels aren't one int32 for each example, or there is no example."""
        if self.labels.dtype != np.int32 or self.labels.shape != self.features.shape[:1] or not len(self.labels):
            raise ValueError(
                f"labels of dtype {self.labels.dtype} and shape {self.labels.shape} for features of shape "
                f"{self.features.shape}; accepted: one int32 label for each of one or more examples"
            )


@dataclass(frozen=True)
class Info:
    """What a model needs to know about a dataset.

    Attributes:
        kind: "image" or "table".
        feature_shape: Shape of one example.
        dtype: The stored features' dtype, "uint8" or the like.
        class_names: The name of each class index.
        feature_names: The columns' names; empty for images.
        scale: Images are divided by it.
        mean: Of each column over the training part; empty for images.
        variance: The same; a constant column has 1.0, so that dividing by it is safe.
    """

    kind: Kind
    feature_shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    scale: float
    mean: tuple[float, ...]
    variance: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset ready to train on."""

    info: Info
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        """Raises ValueError when a part doesn't agree with the info."""
        for name in PARTS:
            part: Split = getattr(self, name)
            found = (str(part.features.dtype), part.features.shape[1:])
            if found != (self.info.dtype, self.info.feature_shape):
                raise ValueError(
                    f"{name} part: features are {found[0]} of shape {found[1]}; "
                    f"accepted: {self.info.dtype} of shape {self.info.feature_shape}"
                )
            low, high, classes = part.labels.min(), part.labels.max(), len(self.info.class_names)
            if low < 0 or high >= classes:
                raise ValueError(f"{name} part: labels span {low} to {high}; accepted: 0 to {classes - 1}")


def part_files(folder: Path, part: str) -> tuple[Path, Path]:
    """Returns the .npy files of a part's features and labels.

    Raises:
        ValueError: On an unknown part.
    """
    if part not in PARTS:
        raise ValueError(f"part {part!r} of a dataset is unknown; {accepted(PARTS)}{did_you_mean(part, PARTS)}")
    return folder / f"{part}_features.npy", folder / f"{part}_labels.npy"


def save(dataset: Dataset, folder: Path) -> None:
    """Writes dataset.json and two .npy files for each part; the same dataset gives the same bytes.

    Raises:
        OSError: When a file can't be written whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(dataset.info), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")
    for part in PARTS:
        split: Split = getattr(dataset, part)
        for file, array in zip(part_files(folder, part), (split.features, split.labels), strict=True):
            # As bytes, because numpy's own writing into a file hides why the operating system refused it.
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            file.write_bytes(buffer.getbuffer())


def load(folder: Path) -> Dataset:
    """Reads what `save` wrote.

    Raises:
        FileNotFoundError: When a file is missing.
        ValueError: When a file is damaged or disagrees with dataset.json.
    """
    file = folder / "dataset.json"
    _require(file)
    try:
        read = json.loads(file.read_text(encoding="utf-8")).items()
        fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in read}
        info = Info(**fields)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: not a dataset's description ({error})") from error
    parts = {}
    for part in PARTS:
        try:
            parts[part] = Split(*(_array(file) for file in part_files(folder, part)))
        except ValueError as error:
            raise ValueError(f"{folder}: {part} part: {error}") from error
    try:
        return Dataset(info, **parts)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def _array(file: Path) -> np.ndarray:
    _require(file)
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{file.name} isn't a whole .npy file ({' '.join(str(error).split())})") from error


def _require(file: Path) -> None:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a saved dataset has it")
