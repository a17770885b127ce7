"""The dataset a stage hands on: three parts, and what is known about them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["image", "table"]
Task = Literal["classification", "regression", "multi_label"]
ColumnKind = Literal["numeric", "categorical"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: As in the source.
        kind: Numeric columns hold the raw number. Categorical ones hold a code: 0 for a text that the training part
            doesn't have, else 1 + its place in the vocabulary, as Keras's StringLookup counts.
        vocabulary: The texts of a categorical column that the training part has, sorted; empty for a numeric one.
        fill: What stands where the source had nothing: the training part's mean, or the code of its most frequent text.
        mean: Of a numeric column over the training part.
        variance: The same; a constant column has 1.0, so that dividing by it is safe.
    """

    name: str
    kind: ColumnKind
    vocabulary: tuple[str, ...] = ()
    fill: float = 0.0
    mean: float = 0.0
    variance: float = 1.0


@dataclass(frozen=True)
class Info:
    """What a model needs to know about a dataset.

    Attributes:
        kind: "image" or "table".
        task: "classification" (two classes or more), "regression" (one number) or "multi_label".
        feature_shape: Shape of one example.
        dtype: Of the features of the test part, which are stored as they were found.
        class_names: The name of each class or label; for a regression, the target's only.
        columns: The columns of a table; empty for images.
        scale: Images are divided by it.
        target_mean: Of a regression's target over the training part.
        target_variance: The same; 1.0 when it is constant.
    """

    kind: Kind
    task: Task
    feature_shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    scale: float = 1.0
    target_mean: float = 0.0
    target_variance: float = 1.0

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns' names; empty for images."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, eq=False)
class Affine:
    """How narrowed features become numbers again: stored * scale + offset, in float32.

    Attributes:
        scale: Float32, of shape () or (columns,).
        offset: The same.
    """

    scale: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset.

    Attributes:
        features: Shape (n, h, w, c) for images, (n, columns) for tables, in their stored dtype; may be a memory-mapped
            file.
        labels: By task: class indices, int32, shape (n,); targets, float32, shape (n,); or 0 and 1 for each label,
            uint8, shape (n, labels).
        affine: How the features were narrowed, if they were.
    """

    features: np.ndarray
    labels: np.ndarray
    affine: Affine | None = None

    def __post_init__(self) -> None:
        """Raises ValueError when there isn't one label for each example, or no example."""
        if len(self.labels) != len(self.features) or not len(self.labels):
            raise ValueError(f"{len(self.labels)} labels for {len(self.features)} examples; accepted: one for each")
        if (str(self.labels.dtype), self.labels.ndim) not in (("int32", 1), ("float32", 1), ("uint8", 2)):
            raise ValueError(
                f"labels of dtype {self.labels.dtype} and shape {self.labels.shape}; "
                "accepted: int32 classes, float32 targets or uint8 rows of 0 and 1"
            )

    def decoded(self, indices: np.ndarray | slice) -> np.ndarray:
        """Returns some examples as they were before narrowing, in the stored dtype where they weren't narrowed."""
        features = np.asarray(self.features[indices])
        if self.affine is None:
            return features
        return features.astype(np.float32) * self.affine.scale + self.affine.offset


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset ready to train on."""

    info: Info
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        """Raises ValueError when a part doesn't agree with the info."""
        if str(self.test.features.dtype) != self.info.dtype:
            raise ValueError(f"test part: features are {self.test.features.dtype}; accepted: {self.info.dtype}")
        for name in PARTS:
            part: Split = getattr(self, name)
            if part.features.shape[1:] != self.info.feature_shape:
                raise ValueError(
                    f"{name} part: features are of shape {part.features.shape[1:]}; accepted: {self.info.feature_shape}"
                )
            _check_labels(name, part.labels, self.info)


def _check_labels(name: str, labels: np.ndarray, info: Info) -> None:
    low, high, classes = labels.min(), labels.max(), len(info.class_names)
    if info.task == "classification" and (labels.dtype != np.int32 or low < 0 or high >= classes):
        raise ValueError(f"{name} part: labels span {low} to {high}; accepted: int32, 0 to {classes - 1}")
    if info.task == "regression" and (labels.dtype != np.float32 or not np.isfinite(labels).all()):
        raise ValueError(f"{name} part: targets span {low} to {high}; accepted: finite float32")
    if info.task == "multi_label" and (labels.shape[1:] != (classes,) or high > 1):
        raise ValueError(f"{name} part: labels {low} to {high} of shape {labels.shape}; accepted: 0 or 1 of {classes}")
