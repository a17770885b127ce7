"""TensorFlow Datasets, where that is installed: images with a label, or a table."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.dataset import PARTS
from pipeline.data.examples import Images, InMemory, Table, TableColumn, Targets
from pipeline.data.hints import accepted, did_you_mean
from pipeline.data.sources.array_examples import numeric_columns
from pipeline.data.sources.image_decoding import Encoded, OnError, decode_all
from pipeline.data.sources.parts import placement
from pipeline.data.sources.target_arrays import targets_from

# A namespace before the name would load a builder's code from elsewhere.
_NAME = re.compile(r"\w+(/[\w.-]+)?(:\d+\.\d+\.\d+)?")
_FITTING = "accepted: a tensorflow-metadata that fits TensorFlow's protobuf, as the extra tfds installs"


def load_tfds(
    name: str,
    *,
    data_dir: Path,
    download: bool = False,
    label: str | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    on_error: OnError = "raise",
) -> Images | Table:
    """Reads the splits train, validation and test; the last two are placed in these parts, others are left out.

    With an image feature, images are uint8 (n, h, w, c), scale 255. Otherwise every feature but the label is a column:
    numbers numeric, class labels and texts categorical, a row of numbers one column each.

    Args:
        name: "name", "name/config" or "name:1.0.0".
        data_dir: Where prepared data sets are.
        download: Whether to download and prepare one that isn't there.
        label: The label's feature, by default that of the supervised keys, or else the only class label.
        size: Height and width, by default those that the data set says its images have.
        channels: 1 for grey, 3 for RGB; by default the same.
        on_error: "skip" leaves unreadable images out.

    Raises:
        FileNotFoundError: When the data set isn't prepared and not to be downloaded.
        ValueError: When TensorFlow Datasets or the data set is missing, or it has no such features.
    """
    from pipeline.keras import tf

    tfds = _import()
    builder = _builder(tfds, name, data_dir, download)
    parts = [part for part in PARTS if part in builder.info.splits and builder.info.splits[part].num_examples]
    if "train" not in parts:
        raise ValueError(f"{name}: has splits {', '.join(builder.info.splits)}; accepted: train, validation, test")
    features = dict(builder.info.features.items())
    label = _label(tfds, builder.info, features, name, label)
    images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image) and key != label]
    if len(images) > 1:
        raise ValueError(f"{name}: has images {', '.join(images)}; accepted: a data set with one, or none for a table")
    found: list[tuple[str, dict[str, Any]]] = []
    rows = _rows(tfds, builder, parts, images, name)
    try:
        if images:
            height, width, depth = features[images[0]].shape
            if size is None and None in (height, width):
                raise ValueError(f"{name}: images of many sizes; accepted: the size stated that they are to have")
            pixels, indices, skipped = decode_all(
                (Encoded(row[0], _noted(row, images[0], found)) for row in rows),
                size=size or (height, width),
                channels=channels or depth or 3,
                on_error=on_error,
            )
            kept = [found[index] for index in indices]
        else:
            kept = found = list(rows)
    except tf.errors.OpError as error:
        raise ValueError(f"{name}: damaged in {builder.data_path} ({type(error).__name__}); accepted: whole") from error
    targets = _targets(tfds, features[label], kept, label, name)
    counts = {part: sum(where.startswith(f"{name}: {part} ") for where, _ in kept) for part in parts}
    placed = placement(counts)
    if images:
        return Images(pixels, targets, 255.0, placed, tuple(skipped))
    columns = [
        column
        for key, feature in features.items()
        if key != label
        for column in _columns(tfds, key, feature, [row[key] for _, row in kept], name)
    ]
    if not columns:
        raise ValueError(f"{name}: has no feature beside the label {label!r}; accepted: one or more")
    return Table(tuple(columns), targets, placed)


def tfds_files(name: str, *, data_dir: Path, download: bool = False) -> list[Path]:
    """Returns the files that the prepared data set consists of, sorted.

    Raises:
        FileNotFoundError: When it isn't prepared and not to be downloaded.
        ValueError: When TensorFlow Datasets or the data set is missing.
    """
    folder = Path(_builder(_import(), name, data_dir, download).data_path)
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _import() -> Any:
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        if error.name != "tensorflow_datasets":
            raise
        raise ValueError(
            "TensorFlow Datasets isn't installed; accepted: pip install 'frugal-pipeline[tfds]'"
        ) from error
    except Exception as error:
        raise ValueError(f"TensorFlow Datasets can't be imported ({_said(error)}); {_FITTING}") from error
    # It logs and swallows some errors of its own import.
    if not hasattr(tfds, "builder"):
        raise ValueError(f"TensorFlow Datasets can't be imported whole; {_FITTING}")
    return tfds


def _said(error: Exception) -> str:
    return str(error).split("\n", 1)[0].strip() or type(error).__name__


def _builder(tfds: Any, name: str, data_dir: Path, download: bool) -> Any:
    if not _NAME.fullmatch(name):
        raise ValueError(f"data set {name!r}; accepted: name, name/config or name:1.0.0, of TensorFlow Datasets itself")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except Exception as error:
        raise ValueError(f"data set {name!r}: {_said(error)}; accepted: one that is known or in {data_dir}") from error
    if not builder.is_prepared():
        if not download:
            raise FileNotFoundError(f"data set {name!r}: isn't prepared in {data_dir}; accepted: that, or download")
        try:
            tfds.disable_progress_bar()
            builder.download_and_prepare()
        except Exception as error:
            raise ValueError(
                f"data set {name!r}: can't be prepared: {_said(error)}; accepted: a reachable one"
            ) from error
    return builder


def _label(tfds: Any, info: Any, features: dict[str, Any], name: str, label: str | None) -> str:
    keys = tuple(features)
    if label is None and info.supervised_keys and isinstance(info.supervised_keys[1], str):
        label = info.supervised_keys[1]
    if label is None:
        classes = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
        if len(classes) != 1:
            raise ValueError(f"{name}: doesn't say which feature is the label; {accepted(keys)}")
        label = classes[0]
    if label not in features:
        raise ValueError(f"{name}: no feature {label!r}; {accepted(keys)}{did_you_mean(label, keys)}")
    return label


def _rows(
    tfds: Any, builder: Any, parts: list[str], images: list[str], name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields where each example is, and the example, its image still encoded."""
    decoders = {key: tfds.decode.SkipDecoding() for key in images}
    for part in parts:
        stream = builder.as_dataset(split=part, shuffle_files=False, decoders=decoders)
        for number, row in enumerate(stream.as_numpy_iterator()):
            yield f"{name}: {part} {number}", row


def _noted(row: tuple[str, dict[str, Any]], image: str, found: list[tuple[str, dict[str, Any]]]) -> bytes:
    """Returns the image, and keeps the rest of the example."""
    content = row[1].pop(image)
    found.append(row)
    return content


def _targets(tfds: Any, feature: Any, kept: list[tuple[str, dict[str, Any]]], label: str, name: str) -> Targets:
    values = np.array([row[label] for _, row in kept])
    return targets_from(
        np.char.decode(values.astype(np.bytes_), "utf-8") if values.dtype.kind == "O" else values,
        where=f"{name}: label {label!r}",
        names=feature.names if isinstance(feature, tfds.features.ClassLabel) else (),
        place=lambda index: kept[index][0].removeprefix(f"{name}: "),
    )


def _columns(tfds: Any, key: str, feature: Any, values: list[Any], name: str) -> tuple[TableColumn, ...]:
    if isinstance(feature, tfds.features.ClassLabel):
        return (TableColumn(key, "categorical", InMemory(np.array(values, np.int32)), tuple(feature.names)),)
    if isinstance(feature, tfds.features.Text):
        words, codes = np.unique([value.decode("utf-8") for value in values], return_inverse=True)
        # TensorFlow Datasets has no other way to say that a text is missing.
        missing = int(words[0] == "")
        codes = (codes - missing).astype(np.int32)
        return (TableColumn(key, "categorical", InMemory(codes), tuple(words[missing:].tolist())),)
    shape: tuple[Any, ...] = feature.shape if isinstance(feature, tfds.features.Tensor) else (None,)
    if len(shape) > 1 or None in shape:
        raise ValueError(f"{name}: feature {key!r} is {feature!r}; accepted: numbers, class labels, texts or one image")
    table = np.array(values).reshape(len(values), -1)
    names = (key,) if not shape else tuple(f"{key}_{index}" for index in range(shape[0]))
    return numeric_columns(table, names, f"{name}: feature {key!r}")
