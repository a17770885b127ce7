"""Why a shard can't be read, told by going through it record by record once the fast reading has failed."""

import math
from pathlib import Path
from typing import Any

from pipeline.data.encoding.codecs import decode_image
from pipeline.data.encoding.description import Description
from pipeline.keras import tf


def explain(file: Path, description: Description, count: int, failure: Exception) -> str:
    """Returns one line that names the shard and the first record, from 0, that isn't as records.json says."""
    compression = description.compression
    kind = "" if compression == "none" else compression.upper()
    records = iter(tf.data.TFRecordDataset(str(file), compression_type=kind))
    number = 0
    while True:
        try:
            record = next(records, None)
        except tf.errors.OpError:
            packed = "uncompressed" if compression == "none" else f"{compression}-compressed"
            return f"{file}: record {number} is damaged or cut short; accepted: {count} whole records, {packed}"
        if record is None:
            break
        if number < count and (wrong := _wrong(record.numpy(), description)):
            return f"{file}: record {number} {wrong}"
        number += 1
    if number != count:
        return f"{file}: {number} records; accepted: {count}, as records.json counts"
    return f"{file}: can't be read ({' '.join(str(failure).split())[:200]})"


def _wrong(record: bytes, description: Description) -> str:
    """Returns what is wrong with a record, or nothing."""
    from google.protobuf.message import DecodeError

    try:
        fields = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return "isn't a tf.train.Example"
    key = description.feature_key
    if (found := len(fields[key].bytes_list.value) if key in fields else 0) != 1:
        return f"has {found} values of bytes in {key!r}; accepted: 1"
    return _wrong_features(fields[key].bytes_list.value[0], description) or _wrong_label(fields, description)


def _wrong_features(data: bytes, description: Description) -> str:
    if description.codec == "raw":
        if len(data) == description.example_bytes:
            return ""
        return (
            f"has features of {len(data)} bytes; accepted: {description.example_bytes}, for {description.dtype} of "
            f"shape {description.shape}"
        )
    try:
        shape = decode_image(data, description.shape[-1]).shape
    except ValueError as error:
        return f"holds a damaged {description.codec} image ({error})"
    return "" if shape == description.shape else f"holds an image of shape {shape}; accepted: {description.shape}"


def _wrong_label(fields: Any, description: Description) -> str:
    kind = "bytes" if description.label_shape else "float" if description.label_dtype.kind == "f" else "int64"
    values = getattr(fields["label"], f"{kind}_list").value if "label" in fields else []
    if len(values) != 1:
        return f"has {len(values)} values of {kind} in 'label'; accepted: 1"
    size = math.prod(description.label_shape)
    if description.label_shape and len(values[0]) != size:
        return f"has a label of {len(values[0])} bytes; accepted: {size}"
    return ""
