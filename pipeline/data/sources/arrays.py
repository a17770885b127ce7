"""NumPy arrays: a .npz, or a .npy file each for features and labels; pickled objects are never read."""

import errno
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.data.dataset import Task
from pipeline.data.examples import Images, Table
from pipeline.data.sources.array_examples import examples_from

try:
    from lzma import LZMAError
except ImportError:  # a Python built without it, whose zipfile refuses what is packed so
    LZMAError = zipfile.BadZipFile  # type: ignore[misc, assignment]

_BROKEN = (
    ValueError,
    TypeError,
    EOFError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
)
"""What numpy, zipfile and its decompressors raise for bytes that were changed after they were written."""

_OF_BYTES = (None, errno.EINVAL)
"""Numbers of an OSError about bytes, not the disk: bz2's has none; EINVAL is for a place before the file's start."""

_OF_OBJECTS = ("Object arrays cannot be loaded", "Python objects in dtype")
"""How numpy begins to say so, of a .npz and of a .npy."""


def load_arrays(
    path: Path,
    *,
    labels: Path | None = None,
    task: Task | None = None,
    scale: float | None = None,
) -> Images | Table:
    """Reads features (n, h, w) or (n, h, w, c) as images, (n, columns) as a table, and their labels.

    A .npz holds `features` and `labels`, or `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test` as Keras's
    mnist.npz does, maybe with `x_validation` and `y_validation`; and maybe `feature_names` and `class_names`.

    Args:
        path: The .npz, or the .npy of the features, which is read where it is used.
        labels: The .npy of the labels.
        task: When it isn't to be seen from the labels; see `targets_from`.
        scale: Images are to be divided by it: 255 for uint8 when it isn't stated, always stated for fractions.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the arrays can't be read, or aren't as `examples_from` takes them.
    """
    loaded = _load(path)
    if isinstance(loaded, Mapping):
        if labels is not None:
            raise ValueError(f"{path}: holds several arrays; accepted: a .npz without a file of labels beside it")
        return examples_from(loaded, where=str(path), task=task, scale=scale)
    if labels is None:
        raise ValueError(f"{path}: holds one array; accepted: a .npz, or a .npy with another one of labels")
    beside = _load(labels)
    if isinstance(beside, Mapping):
        raise ValueError(f"{labels}: holds several arrays; accepted: a .npy of labels")
    return examples_from({"features": loaded, "labels": beside}, where=str(path), task=task, scale=scale)


def _load(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; accepted: a .npz or .npy file")
    with path.open("rb") as stream:
        start = stream.read(6)
    if start[:6] != b"\x93NUMPY" and start[:2] != b"PK":
        raise ValueError(f"{path}: is neither NumPy's .npy nor .npz; accepted: what numpy.save or numpy.savez wrote")
    packed = start[:2] == b"PK"
    try:
        return _members(path) if packed else np.load(path, mmap_mode="r", allow_pickle=False)
    except (MemoryError, RecursionError) as error:
        raise ValueError(
            f"{path}: damaged, or larger than memory ({_said(error)}); accepted: a whole .npy or .npz file that fits"
        ) from error
    except RuntimeError as error:
        if not packed:
            raise
        # zipfile's: of an encrypted member, of a compression whose module this Python was built without, and, as
        # NotImplementedError, of a feature that zipfile does not have. numpy raises none when it reads a .npz.
        raise ValueError(
            f"{path}: packed in a way that is not read ({_said(error)}); accepted: what numpy.save or numpy.savez wrote"
        ) from error
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _OF_BYTES:
            raise
        if any(words in str(error) for words in _OF_OBJECTS):
            raise ValueError(
                f"{path}: holds Python objects, which only pickle reads and which may run code; "
                "accepted: arrays of numbers, truth values or texts"
            ) from error
        raise ValueError(
            f"{path}: damaged or cut short ({_said(error)}); accepted: a whole .npy or .npz file"
        ) from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _members(path: Path) -> dict[str, np.ndarray]:
    # Opened here, because numpy leaves a damaged archive open.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
