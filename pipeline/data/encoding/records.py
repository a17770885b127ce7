"""A part of a dataset as sharded TFRecord files of tf.train.Example.

A shard is plain or one ZLIB (RFC 1950) or GZIP (RFC 1952) stream, both of which are DEFLATE (RFC 1951): LZ77 matching
(Ziv and Lempel, 1977) followed by Huffman coding (Huffman, 1952).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.data.dataset import Info, Split
from pipeline.data.encoding.codecs import Codec, check_codec
from pipeline.data.encoding.description import (
    COMPRESSIONS,
    Description,
    read_description,
    shard_files,
    write_description,
)
from pipeline.data.encoding.shards import read_shard, write_shard
from pipeline.data.hints import accepted, did_you_mean

Compression = Literal["none", "zlib", "gzip"]


def write_part(
    split: Split,
    info: Info,
    folder: Path,
    *,
    codec: Codec,
    quality: int | None = None,
    compression: Compression = "none",
    shards: int = 1,
) -> None:
    """Writes shards `part-00000-of-00004.tfrecord` … and records.json; the same part gives the same bytes.

    A record has the key "image" or "features" (bytes: the codec's, or the row's in little-endian order) and the key
    "label" (an int64 class, a float target, or bytes of 0 and 1). Examples keep their order, cut into even shards.

    Args:
        split: The part.
        info: Of its dataset.
        folder: Made where it is missing.
        codec: "raw" for any features; "jpeg", "png" and "webp" for uint8 images.
        quality: 1 to 100, for JPEG and lossy WebP; None makes WebP lossless.
        compression: Of whole shards; what an image codec has compressed gains little more from it.
        shards: How many files; each has at least one example.

    Raises:
        ValueError: When the codec, its quality, the compression or the number of shards can't apply.
        OSError: When a file can't be written.
    """
    check_codec(split, info, codec, quality)
    if compression not in COMPRESSIONS:
        raise ValueError(
            f"compression {compression!r}; {accepted(COMPRESSIONS)}{did_you_mean(str(compression), COMPRESSIONS)}"
        )
    if not 1 <= shards <= min(len(split.labels), 99_999):
        raise ValueError(
            f"{shards} shards of {len(split.labels)} examples; accepted: 1 or more, of one example or more"
        )
    bounds = [len(split.labels) * index // shards for index in range(shards + 1)]
    description = Description(
        codec=codec,
        quality=quality,
        compression=compression,
        counts=tuple(stop - start for start, stop in pairwise(bounds)),
        sizes=(),
        dtype=split.features.dtype,
        shape=split.features.shape[1:],
        label_dtype=split.labels.dtype,
        label_shape=split.labels.shape[1:],
        affine=split.affine,
    )
    folder.mkdir(parents=True, exist_ok=True)
    files = shard_files(folder, shards)
    for file, (start, stop) in zip(files, pairwise(bounds), strict=True):
        write_shard(file, split, description, range(start, stop))
    write_description(replace(description, sizes=tuple(file.stat().st_size for file in files)), folder)


def read_part(folder: Path) -> Split:
    """Returns the part that `write_part` wrote, decoded into memory, in its order; shards are read in parallel.

    Raises:
        FileNotFoundError: When records.json or a shard is missing.
        ValueError: When a shard is damaged, cut short, or disagrees with records.json; names the file and the record.
    """
    description = read_description(folder)
    files = shard_files(folder, len(description.counts))
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file; records.json counts {len(files)} shards")
    total = sum(description.counts)
    features = np.empty((total, *description.shape), description.dtype)
    labels = np.empty((total, *description.label_shape), description.label_dtype)
    with ThreadPoolExecutor(min(len(files), os.cpu_count() or 1)) as pool:
        running = [
            pool.submit(read_shard, file, description, features[stop - count : stop], labels[stop - count : stop])
            for file, count, stop in zip(files, description.counts, accumulate(description.counts), strict=True)
        ]
        for each in running:
            each.result()
    for file, size in zip(files, description.sizes, strict=True):
        # TensorFlow doesn't notice a few bytes more or less at the end, after the last whole record.
        if file.stat().st_size != size:
            raise ValueError(f"{file}: {file.stat().st_size} bytes; accepted: {size}, as records.json has it")
    return Split(features, labels, description.affine)
