"""Opening a source's file, plain or gzipped, with one clear line when it can't be read."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading, through gzip when its name ends in .gz.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is a folder, or while reading, when the gzip data is damaged or cut short.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; accepted: a file")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix != ".gz":
        with path.open("rb") as plain:
            yield plain
        return
    try:
        with gzip.open(path, "rb") as packed:
            yield cast(BinaryIO, packed)
    except EOFError as error:
        raise ValueError(f"{path}: the gzip data is cut short; accepted: a whole file") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: damaged or not gzip data ({error}); accepted: gzip data, as .gz says") from error
