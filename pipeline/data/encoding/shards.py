"""One TFRecord file of tf.train.Example: writing it, and reading it in batches."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.dataset import Split
from pipeline.data.encoding.codecs import decode_image, encoder
from pipeline.data.encoding.description import Description
from pipeline.data.encoding.shards_diagnosis import explain
from pipeline.keras import tf

_BATCH = 256


def write_shard(file: Path, split: Split, description: Description, examples: range) -> None:
    """Writes one shard.

    Raises:
        OSError: When the file can't be written.
    """
    encode = encoder(description.codec, description.quality) if description.codec != "raw" else None
    # Little-endian whatever the array's own order, as records.json names no order.
    dtype = description.dtype.newbyteorder("<") if description.dtype.kind in "iuf" else description.dtype
    options = tf.io.TFRecordOptions(compression_type=_tf_name(description.compression))
    try:
        with tf.io.TFRecordWriter(str(file), options) as writer:
            for index in examples:
                features = np.asarray(split.features[index])
                data = encode(features) if encode else features.astype(dtype, copy=False).tobytes()
                fields = {description.feature_key: _bytes(data), "label": _label(split.labels[index])}
                record = tf.train.Example(features=tf.train.Features(feature=fields))
                writer.write(record.SerializeToString(deterministic=True))
    except tf.errors.OpError as error:
        raise OSError(f"{file}: can't be written ({' '.join(str(error.message).split())})") from error


def _bytes(data: bytes) -> Any:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))


def _label(label: np.ndarray) -> Any:
    if label.ndim:
        return _bytes(label.tobytes())
    if label.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=[float(label)]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(label)]))


def _tf_name(compression: str) -> str:
    return "" if compression == "none" else compression.upper()


def read_shard(file: Path, description: Description, features: np.ndarray, labels: np.ndarray) -> None:
    """Fills a shard's place in the part's arrays.

    Raises:
        ValueError: When the shard isn't as the description says; names the record.
    """
    done = 0
    try:
        for some_features, some_labels in _batches(file, description):
            end = done + len(some_labels)
            features[done:end], labels[done:end] = some_features, some_labels
            done = end
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(explain(file, description, len(labels), error)) from error
    if done != len(labels):
        raise ValueError(f"{file}: {done} records; accepted: {len(labels)}, as records.json counts")


def _batches(file: Path, description: Description) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    records = tf.data.TFRecordDataset(str(file), compression_type=_tf_name(description.compression))
    layout = _layout(description)
    if description.codec in ("jpeg", "png"):
        decode = _tensorflow_decoder(description)

        def image_and_label(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            fields = tf.io.parse_single_example(record, layout)
            return decode(fields[description.feature_key]), fields["label"]

        batches = records.map(image_and_label, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(_BATCH)
    else:
        batches = records.batch(_BATCH).map(lambda batch: _fields(batch, layout, description.feature_key))
    for features, labels in batches.as_numpy_iterator():
        yield _features(features, description), _labels(labels, description)


def _layout(description: Description) -> dict[str, Any]:
    kind = tf.string if description.label_shape else tf.float32 if description.label_dtype.kind == "f" else tf.int64
    return {description.feature_key: tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], kind)}


def _fields(batch: tf.Tensor, layout: dict[str, Any], key: str) -> tuple[tf.Tensor, tf.Tensor]:
    fields = tf.io.parse_example(batch, layout)
    return fields[key], fields["label"]


def _tensorflow_decoder(description: Description) -> Any:
    """Returns a decoder in the graph, two to four times as fast as Pillow's; TensorFlow has none for WebP."""

    def decode(data: tf.Tensor) -> tf.Tensor:
        channels = description.shape[-1]
        if description.codec == "png":
            image = tf.io.decode_png(data, channels=channels)
        else:
            image = tf.io.decode_jpeg(data, channels=channels, dct_method="INTEGER_ACCURATE")
        return tf.ensure_shape(image, description.shape)

    return decode


def _features(read: np.ndarray, description: Description) -> np.ndarray:
    if description.codec in ("jpeg", "png"):
        return read
    if description.codec == "webp":
        images = [decode_image(data, description.shape[-1]) for data in read]
        if any(image.shape != description.shape for image in images):
            raise ValueError("an image has another shape")
        return np.stack(images)
    if any(len(data) != description.example_bytes for data in read):
        raise ValueError("a record's features have another length")
    return np.frombuffer(b"".join(read), description.dtype).reshape(len(read), *description.shape)


def _labels(read: np.ndarray, description: Description) -> np.ndarray:
    if not description.label_shape:
        return read
    if any(len(data) != math.prod(description.label_shape) for data in read):
        raise ValueError("a record's label has another length")
    return np.frombuffer(b"".join(read), description.label_dtype).reshape(len(read), *description.label_shape)
