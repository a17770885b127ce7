"""Reading a part's features by index, from memory or from their file."""

import os
import weakref
from collections.abc import Callable
from typing import Literal, cast, get_args

import numpy as np

from pipeline.data.hints import accepted, did_you_mean
from pipeline.keras import tf

Cache = Literal["auto", "memory", "disk"]
MEMORY_LIMIT = 2**30
"""Bytes up to which `auto` keeps a part's features in memory."""


def row_reader(features: np.ndarray, cache: Cache, memory_limit: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from int64 indices of shape (n,) to these rows, in their stored dtype.

    Args:
        features: An array, or a memory-mapped file.
        cache: "memory" reads them all, once. "disk" reads the rows of each batch from the file, and holds no others.
            "auto" is "disk" for a memory-mapped file of more than `memory_limit` bytes, else "memory".
        memory_limit: In bytes.

    Raises:
        OSError: When the file can't be opened.
        ValueError: When `cache` is unknown, the limit is negative, or "disk" is asked of features in no file.
    """
    if cache not in get_args(Cache):
        raise ValueError(f"cache {cache!r}; {accepted(get_args(Cache))}{did_you_mean(cache, get_args(Cache))}")
    if memory_limit < 0:
        raise ValueError(f"memory limit of {memory_limit} bytes; accepted: 0 or more")
    mapped = isinstance(features, np.memmap) and features.filename is not None and features.flags.c_contiguous
    file = cast(np.memmap, features) if mapped else None
    if cache == "disk" and file is None:
        raise ValueError("cache 'disk' of features that are in no file of their own; accepted: auto, memory")
    if file is not None and (cache == "disk" or (cache == "auto" and file.nbytes > memory_limit)):
        return _from_file(_RowFile(file))
    return _from_memory(features)


def _from_memory(features: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    tensor = in_memory(features)
    return lambda indices: tf.gather(tensor, indices)


def in_memory(array: np.ndarray) -> tf.Tensor:
    """Returns an array as a tensor that functions capture by reference.

    An array would be copied into each graph, which can't exceed 2 GB.
    """
    with tf.device("/CPU:0"):
        return tf.constant(array)


def _from_file(file: "_RowFile") -> Callable[[tf.Tensor], tf.Tensor]:
    def read(indices: tf.Tensor) -> tf.Tensor:
        rows = tf.numpy_function(file.read, [indices], file.dtype, stateful=False)
        return tf.ensure_shape(rows, (None, *file.shape))

    return read


class _RowFile:
    """The rows of a memory-mapped array, read with system calls.

    Pages touched through a mapping count as the process's own memory, soon all of them; and a read that fails ends the
    process. Here nothing stays behind, other threads run meanwhile, and a failure is an OSError.
    """

    def __init__(self, features: np.memmap) -> None:
        self.dtype, self.shape = features.dtype, features.shape[1:]
        self._row_bytes = features[:1].nbytes
        whole = features
        while isinstance(whole.base, np.memmap):
            whole = whole.base
        # A slice has the offset of the array that it was cut from.
        self._start = whole.offset + features.ctypes.data - whole.ctypes.data
        self._name = str(features.filename)
        self._file = os.open(self._name, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns rows in the order of the indices; they are read in the file's order.

        Raises:
            OSError: When the file can't be read, or has become shorter.
        """
        rows = np.empty((len(indices), *self.shape), self.dtype)
        into = rows.reshape(-1).view(np.uint8).data
        for place in np.argsort(indices):
            row = into[place * self._row_bytes : (place + 1) * self._row_bytes]
            if os.preadv(self._file, [row], self._start + int(indices[place]) * self._row_bytes) != self._row_bytes:
                raise OSError(f"{self._name}: ends before example {indices[place]}; accepted: the whole file")
        return rows
