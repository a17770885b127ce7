"""records.json: what the records beside it hold."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipeline.data.dataset import Affine
from pipeline.data.encoding.codecs import Codec

NAME = "records.json"
COMPRESSIONS = ("none", "zlib", "gzip")

_LABELS = ("int32", "float32", "uint8")


@dataclass(frozen=True, eq=False)
class Description:
    """What a folder of records holds.

    Attributes:
        codec: How each example's features are packed.
        quality: Of a lossy codec.
        compression: Of each shard as a whole.
        counts: The records of each shard.
        sizes: The bytes of each shard's file.
        dtype: Of the features.
        shape: Of one example.
        label_dtype: Of the labels, as `Split.labels` has them.
        label_shape: Of one example's label, () or (labels,).
        affine: How the features were narrowed.
    """

    codec: Codec
    quality: int | None
    compression: str
    counts: tuple[int, ...]
    sizes: tuple[int, ...]
    dtype: np.dtype
    shape: tuple[int, ...]
    label_dtype: np.dtype
    label_shape: tuple[int, ...]
    affine: Affine | None

    @property
    def feature_key(self) -> str:
        """Where a record has its features: "image" of images, "features" of tables."""
        return "image" if len(self.shape) == 3 else "features"

    @property
    def example_bytes(self) -> int:
        """The bytes of one example's features before a codec."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


def shard_files(folder: Path, shards: int) -> list[Path]:
    """Returns the shards' names, in order."""
    return [folder / f"part-{index:05d}-of-{shards:05d}.tfrecord" for index in range(shards)]


def write_description(description: Description, folder: Path) -> None:
    """Writes records.json."""
    affine = description.affine
    content = {
        "affine": affine and {"offset": affine.offset.tolist(), "scale": affine.scale.tolist()},
        "codec": description.codec,
        "compression": description.compression,
        "counts": description.counts,
        "dtype": description.dtype.name,
        "label_dtype": description.label_dtype.name,
        "label_shape": description.label_shape,
        "quality": description.quality,
        "shape": description.shape,
        "sizes": description.sizes,
    }
    (folder / NAME).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_description(folder: Path) -> Description:
    """Reads records.json.

    Raises:
        FileNotFoundError: When it is missing.
        ValueError: When it doesn't describe records.
    """
    file = folder / NAME
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; a folder of records has it")
    try:
        return _description(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: doesn't describe records ({error})") from error


def _description(read: dict[str, Any]) -> Description:
    import ml_dtypes  # noqa: F401 - makes numpy know the name bfloat16

    if read["codec"] not in get_args(Codec) or read["compression"] not in COMPRESSIONS:
        raise ValueError(f"codec {read['codec']!r}, compression {read['compression']!r}")
    if read["label_dtype"] not in _LABELS or not 0 < len(read["counts"]) == len(read["sizes"]):
        raise ValueError(f"label_dtype {read['label_dtype']!r}, counts {read['counts']}, sizes {read['sizes']}")
    dtype = np.dtype(read["dtype"])
    if dtype.hasobject or (read["codec"] != "raw" and (dtype != np.uint8 or len(read["shape"]) != 3)):
        raise ValueError(f"dtype {dtype}, shape {read['shape']}, codec {read['codec']!r}")
    affine = read["affine"]
    return Description(
        codec=read["codec"],
        quality=read["quality"],
        compression=read["compression"],
        counts=_sizes(read["counts"]),
        sizes=_sizes(read["sizes"]),
        dtype=dtype,
        shape=_sizes(read["shape"]),
        label_dtype=np.dtype(read["label_dtype"]),
        label_shape=_sizes(read["label_shape"]),
        affine=affine and Affine(np.array(affine["scale"], np.float32), np.array(affine["offset"], np.float32)),
    )


def _sizes(read: list[Any]) -> tuple[int, ...]:
    if not all(type(size) is int and size > 0 for size in read):
        raise ValueError(f"sizes {read}")
    return tuple(read)
