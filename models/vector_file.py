"""Vectors on disk: a training set of more of them than memory holds, read in pieces.

A hundred columns of ten million rows are 8 GB. What LightGBM keeps of them, a byte a value, is an eighth of that; so
vectors are written to a file as they come, and read when bins, trees or scores are made of them.
"""

from __future__ import annotations

import os
import tempfile
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.errors import GillnetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROWS: Final = 65_536
"""Rows to hold at once."""
_ITEM: Final = 8
_ROOMY: Final = Path("/var/tmp")  # noqa: S108  on disk by custom, where /tmp may be memory; the file has no name


def _nameless() -> FileIO:
    place = None if "TMPDIR" in os.environ or not _ROOMY.is_dir() else _ROOMY
    file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115  it lives as long as a VectorFile does
    assert isinstance(file, FileIO)
    return file


class VectorFile:
    """Rows of numbers in a file without a name, which is gone with the last who holds this; ``TMPDIR`` says where."""

    def __init__(
        self, columns: int, file: FileIO | None = None, rows: int = 0, chosen: NDArray[np.int64] | None = None
    ) -> None:
        self._file, self._rows, self._columns, self._chosen = file or _nameless(), rows, columns, chosen

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._rows, self._columns if self._chosen is None else len(self._chosen)

    def __len__(self) -> int:
        return self._rows

    def append(self, vectors: NDArray[np.float64]) -> None:
        """Write rows behind those there are."""
        self.put(np.arange(self._rows, self._rows + len(vectors)), vectors)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
        """Write rows in their places; what lies between is zero."""
        if not len(rows):
            return
        size, values = self._columns * _ITEM, np.ascontiguousarray(vectors, np.float64)
        starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True):
            self._write(values[start:end], int(rows[start]) * size)
        self._rows = max(self._rows, int(rows.max()) + 1)

    def _write(self, values: NDArray[np.float64], at: int) -> None:
        left = values.data.cast("B")
        while left:
            try:
                done = os.pwrite(self._file.fileno(), left, at)
            except OSError as error:
                needed = f"vectors of so many accounts are kept on disk, and that failed ({error.strerror})"
                raise GillnetError(f"{needed}: make room, or set TMPDIR to a folder that has it") from error
            left, at = left[done:], at + done

    def __getitem__(self, rows: int | slice | NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """Read rows: a copy of a run of them, of some by number, or of those that a mask names."""
        mapped = np.memmap(self._file, np.float64, "r", shape=(self._rows, self._columns))
        found = mapped[rows] if self._chosen is None else mapped[rows][..., self._chosen]
        is_copy = self._chosen is not None or isinstance(rows, np.ndarray)
        return np.asarray(found) if is_copy else np.array(found)

    def select(self, columns: list[int]) -> VectorFile:
        """Give the same rows with some of the columns."""
        all_of_them = columns == list(range(self._columns))
        return VectorFile(self._columns, self._file, self._rows, None if all_of_them else np.array(columns, np.int64))

    def ordered(self, order: NDArray[np.int64]) -> VectorFile:
        """Write the rows once more in another order."""
        other = VectorFile(self.shape[1])
        for piece in pieces(self, order):
            other.append(piece)
        return other


def pieces(
    vectors: NDArray[np.float64] | VectorFile, rows: NDArray[np.int64] | None = None
) -> Iterator[NDArray[np.float64]]:
    """Give chosen rows (by default all) in their order, a piece at a time."""
    count = len(vectors) if rows is None else len(rows)
    for start in range(0, count, ROWS):
        end = min(start + ROWS, count)
        yield vectors[start:end] if rows is None else vectors[rows[start:end]]
