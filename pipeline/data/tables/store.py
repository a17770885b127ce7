"""Columns in files, one raw binary file each, written piece by piece and read back by block."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_BUFFER_BYTES = 2**24


@dataclass(frozen=True)
class OnDisk:
    """Values in a file; read, rather than mapped, so that what was read needs no memory afterwards."""

    file: Path
    dtype: str
    count: int

    def __len__(self) -> int:
        """Returns how many they are."""
        return self.count

    def read(self, start: int, stop: int) -> np.ndarray:
        """Returns those from `start` to `stop - 1`.

        Raises:
            OSError: When the file has become shorter than it was written.
        """
        wanted = max(0, min(stop, self.count) - start)
        offset = start * np.dtype(self.dtype).itemsize
        values = np.fromfile(self.file, self.dtype, count=wanted, offset=offset)
        if len(values) != wanted:
            raise OSError(f"{self.file}: cut short; accepted: the {self.count} values that were written")
        return values


class ColumnStore:
    """A folder of columns that grow; what is appended is held back, so that many columns need few writes."""

    def __init__(self, folder: Path) -> None:
        """Stores into an existing, empty folder."""
        self._folder = folder
        self._held: dict[str, list[np.ndarray]] = {}
        self._held_bytes = 0
        self._written: dict[str, tuple[str, int]] = {}

    def append(self, key: str, values: np.ndarray) -> None:
        """Adds values at a column's end; all of one column are of one dtype."""
        self._held.setdefault(key, []).append(values)
        self._held_bytes += values.nbytes
        dtype, count = self._written.get(key, (str(values.dtype), 0))
        self._written[key] = dtype, count + len(values)
        if self._held_bytes >= _BUFFER_BYTES:
            self._flush()

    def drop(self, key: str) -> None:
        """Forgets a column, if there is one."""
        self._held.pop(key, None)
        self._written.pop(key, None)
        self._file(key).unlink(missing_ok=True)

    def column(self, key: str) -> OnDisk:
        """Returns a column as far as it has been appended."""
        self._flush()
        return OnDisk(self._file(key), *self._written[key])

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.bin"

    def _flush(self) -> None:
        # Opened anew at each turn: a table may have more columns than a process may have files open.
        for key, pieces in self._held.items():
            with self._file(key).open("ab") as file:
                file.writelines(np.ascontiguousarray(piece).data for piece in pieces)
        self._held, self._held_bytes = {}, 0
