"""What is asked for of one tf.train.Example record, or why it isn't to be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.data.hints import accepted, did_you_mean, shown

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Record:
    """What was asked for.

    Attributes:
        where: The file and the record's number, for messages.
        label: Shape (values,).
        content: The encoded image, or float32 numbers.
    """

    where: str
    label: np.ndarray
    content: Any


def parse(record: bytes, where: str, keys: tuple[str, str | None, tuple[str, ...]]) -> Record | str:
    """Returns what is asked for, or why it isn't to be had.

    Args:
        record: A serialized tf.train.Example.
        where: For messages about it.
        keys: Of the label, of the image if any, and of the numbers.
    """
    from google.protobuf.message import DecodeError

    from pipeline.keras import tf

    label, image, features = keys
    try:
        found = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return "isn't a tf.train.Example; accepted: records that are"
    for key in (label, *features, *([] if image is None else [image])):
        if key not in found:
            names = sorted(found)
            return f"no key {key!r}; {accepted(names) if names else 'accepted: one'}{did_you_mean(key, names)}"
    content = _numbers(found, features) if image is None else _encoded(found[image], image)
    labels = _label(found[label], label)
    if isinstance(labels, str):
        return labels
    if isinstance(content, str):
        return content
    return Record(where, labels, content)


def _values(feature: Any) -> Sequence[Any]:
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else ()


def _said(feature: Any) -> str:
    return f"{len(_values(feature))} values in {feature.WhichOneof('kind') or 'no list'}"


def _encoded(feature: Any, key: str) -> bytes | str:
    if feature.WhichOneof("kind") != "bytes_list" or len(_values(feature)) != 1:
        return f"key {key!r} has {_said(feature)}; accepted: one in bytes_list, an encoded image"
    return _values(feature)[0]


def _numbers(found: Any, keys: Sequence[str]) -> np.ndarray | str:
    row = np.full(len(keys), np.nan, np.float32)
    for index, key in enumerate(keys):
        feature = found[key]
        values = _values(feature)
        if feature.WhichOneof("kind") == "bytes_list" or len(values) > 1:
            return f"key {key!r} has {_said(feature)}; accepted: one in int64_list or float_list, none where missing"
        if values and abs(values[0]) > _LARGEST:
            return f"key {key!r} holds {values[0]}; accepted: numbers up to {_LARGEST:.4g}"
        row[index] = values[0] if values else np.nan
    return row


def _label(feature: Any, key: str) -> np.ndarray | str:
    values = _values(feature)
    kind = feature.WhichOneof("kind")
    if not values or (len(values) > 1 and kind != "int64_list"):
        return f"label {key!r} has {_said(feature)}; accepted: one, or several in int64_list, 0 or 1 for each label"
    if kind != "bytes_list":
        return np.array(values, np.int64 if kind == "int64_list" else np.float32)
    try:
        return np.array([values[0].decode("utf-8")])
    except UnicodeDecodeError:
        return f"label {key!r} is {shown(repr(values[0]))}, which isn't UTF-8 text; accepted: UTF-8"
