"""TFRecord files: which they are, and their records, each whole and checked."""

import glob
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from pipeline.data.hints import accepted, did_you_mean

Compression = Literal["none", "zlib", "gzip"]

_TENSORFLOW_NAMES = {"none": "", "zlib": "ZLIB", "gzip": "GZIP"}
_FRAME = 16  # bytes of a record's length and of the checksums of length and content
_CHUNK_BYTES = 2**20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def tfrecord_files(paths: str) -> list[Path]:
    """Returns the files of a pattern, sorted; of a folder, those with .tfrecord in their names.

    Args:
        paths: A folder, a file, or a pattern with * ? or [...].

    Raises:
        FileNotFoundError: When there is none.
    """
    folder = Path(paths)
    if folder.is_dir():
        found = [file for file in folder.iterdir() if ".tfrecord" in file.name and file.name[0] != "."]
    elif folder.is_file():
        found = [folder]
    else:
        found = [Path(file) for file in glob.glob(paths, recursive=True)]  # noqa: PTH207, since it may be absolute
    files = sorted(file for file in found if file.is_file())
    if not files:
        raise FileNotFoundError(f"{paths}: no such file; accepted: a pattern, or a folder with names in .tfrecord")
    return files


def check_compression(compression: str) -> None:
    """Raises ValueError when it is unknown."""
    known = get_args(Compression)
    if compression not in known:
        raise ValueError(f"compression {compression!r}; {accepted(known)}{did_you_mean(compression, known)}")


class DamagedError(Exception):
    """A file that can't be read on from a record."""


def records(file: Path, compression: Compression) -> Iterator[bytes]:
    """Yields the records of a file, their checksums checked.

    Raises:
        DamagedError: At a record that is damaged or cut short.
    """
    from pipeline.keras import tf

    read = 0
    try:
        for record in tf.data.TFRecordDataset(str(file), _TENSORFLOW_NAMES[compression]).as_numpy_iterator():
            yield record
            read += len(record) + _FRAME
    except tf.errors.OpError as error:
        kind = "damaged or cut short" if isinstance(error, tf.errors.DataLossError) else type(error).__name__
        raise DamagedError(f"{kind}; accepted: {_wanted(file, compression, not read)}") from error
    # TensorFlow takes a file that is cut within a record's length, or a cut stream, for one that ends there.
    if read != _size(file, compression):
        raise DamagedError(f"damaged or cut short; accepted: {_wanted(file, compression, not read)}")


def _size(file: Path, compression: Compression) -> int:
    """Returns the bytes that are to be read, uncompressed; -1 when the compressed data isn't whole."""
    if compression == "none":
        return file.stat().st_size
    total, decoder = 0, None
    with file.open("rb") as stream:
        while block := stream.read(_CHUNK_BYTES):
            while block:
                decoder = decoder or zlib.decompressobj(_GZIP_OR_ZLIB)
                try:
                    total += len(decoder.decompress(block))
                except zlib.error:
                    return -1
                block = decoder.unused_data
                if decoder.eof:
                    decoder = None
    return total if decoder is None else -1


def _wanted(file: Path, compression: Compression, first: bool) -> str:
    with file.open("rb") as stream:
        start = stream.read(2)
    looks = "none"
    if start == b"\x1f\x8b":
        looks = "gzip"
    elif start[:1] == b"\x78" and int.from_bytes(start, "big") % 31 == 0:
        looks = "zlib"
    if first and compression != looks:
        return f"TFRecord files with compression {compression}, while this one looks to have {looks}"
    return "whole TFRecord files whose checksums are right"
