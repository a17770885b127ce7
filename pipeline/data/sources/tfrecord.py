"""TFRecord files of tf.train.Example records: encoded images, or a table of numbers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.data.dataset import Task
from pipeline.data.examples import Images, InMemory, Skipped, Table, TableColumn
from pipeline.data.sources.image_decoding import Encoded, OnError, check_target, decode_all
from pipeline.data.sources.target_arrays import targets_from
from pipeline.data.sources.tfrecord_examples import Record, parse
from pipeline.data.sources.tfrecord_files import (
    Compression,
    DamagedError,
    check_compression,
    records,
    tfrecord_files,
)


def load_tfrecord(
    paths: str,
    *,
    label: str,
    image: str | None = None,
    features: Sequence[str] = (),
    compression: Compression = "none",
    class_names: Sequence[str] = (),
    task: Task | None = None,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    on_error: OnError = "raise",
) -> Images | Table:
    """Reads encoded images as uint8 (n, h, w, c), scale 255, or numbers as a table's columns.

    A number's list may be empty where the value is missing. A label is one int64 or text (a class), one float (a
    regression's target), or several int64 (0 or 1 for each label).

    Args:
        paths: A pattern, a folder or a file; files are read in the order of their names.
        label: The key of the label.
        image: The key of the encoded image.
        features: The keys of a table's numbers.
        compression: Of the files.
        class_names: Of each class from 0, or of each label; by default the labels found.
        task: When it isn't to be seen from the labels.
        size: Of images, height and width.
        channels: Of images: 1 for grey, 3 for RGB.
        on_error: "skip" leaves bad records out, and with a damaged one all after it in its file, since where the next
            one begins isn't known.

    Raises:
        FileNotFoundError: When there is no file.
        ValueError: On a bad argument, and on a record that is damaged or lacks what is asked for, naming it.
    """
    check_compression(compression)
    check_target(size or (1, 1), channels, on_error)
    _check_keys(label, image, features)
    if image is not None and size is None:
        raise ValueError(f"image {image!r} without a size; accepted: the height and width that images are to have")
    skipped: list[Skipped] = []
    found: list[Record] = []
    stream = _stream(tfrecord_files(paths), compression, (label, image, tuple(features)), on_error, skipped)
    if image is None or size is None:
        found.extend(stream)
        _require_any(found, skipped, paths)
        table = np.stack([record.content for record in found], axis=1)
        kept = range(len(found))
    else:
        encoded = (Encoded(record.where, _note(record, found)) for record in stream)
        pixels, indices, bad = decode_all(encoded, size=size, channels=channels, on_error=on_error)
        kept, skipped = indices.tolist(), skipped + bad
    targets = targets_from(
        _stacked([found[index] for index in kept], label),
        where=f"{paths}: key {label!r}",
        task=task,
        names=class_names,
        place=lambda index: found[kept[index]].where,
    )
    if image is not None:
        return Images(pixels, targets, 255.0, skipped=tuple(skipped))
    columns = (TableColumn(key, "numeric", InMemory(values)) for key, values in zip(features, table, strict=True))
    return Table(tuple(columns), targets, skipped=tuple(skipped))


def _check_keys(label: str, image: str | None, features: Sequence[str]) -> None:
    if (image is None) == (not features):
        raise ValueError(f"image {image!r} and features {list(features)}; accepted: one of the two")
    keys = [label, *features, *([] if image is None else [image])]
    for key in keys:
        if not key or keys.count(key) > 1:
            raise ValueError(f"key {key!r} is empty or used twice; accepted: the label and each feature once")


def _require_any(found: list[Record], skipped: list[Skipped], paths: str) -> None:
    if not found:
        reason = f"{skipped[0].where}: {skipped[0].why}" if skipped else f"{paths}: holds no record"
        raise ValueError(f"{reason}; accepted: one readable record or more")


def _note(record: Record, found: list[Record]) -> bytes:
    """Returns the record's image, which is forgotten once it is decoded, and keeps the rest."""
    found.append(Record(record.where, record.label, None))
    return record.content


def _stream(
    files: list[Path],
    compression: Compression,
    keys: tuple[str, str | None, tuple[str, ...]],
    on_error: OnError,
    skipped: list[Skipped],
) -> Iterator[Record]:
    for file in files:
        where = f"{file}: record 0"
        try:
            for number, record in enumerate(records(file, compression)):
                where = f"{file}: record {number}"
                parsed = parse(record, where, keys)
                if isinstance(parsed, Record):
                    yield parsed
                elif on_error == "raise":
                    raise ValueError(f"{where}: {parsed}")
                else:
                    skipped.append(Skipped(where, parsed))
                where = f"{file}: record {number + 1}"
        except DamagedError as error:
            if on_error == "raise":
                raise ValueError(f"{where}: {error}") from error
            skipped.append(Skipped(where, f"{error}; it and all after it in this file are left out"))


def _stacked(found: list[Record], key: str) -> np.ndarray:
    """Returns the labels, shape (n, values); raises ValueError where one isn't of the first one's type."""
    first = found[0].label
    for record in found:
        if (record.label.dtype.kind, record.label.shape) != (first.dtype.kind, first.shape):
            raise ValueError(
                f"{record.where}: label {key!r} is {record.label.tolist()}; "
                f"accepted: of the type and number of the first one, {first.tolist()}"
            )
    return np.stack([record.label for record in found])
