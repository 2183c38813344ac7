"""Texts as kernels read and write them: the bytes of all, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from detector.contract.jit import kernel
from features.hashing import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class TextColumn(NamedTuple):
    """n texts in UTF-8; row i is ``data[offsets[i]:offsets[i + 1]]``. What is absent is empty."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    """(n + 1,), rising, from 0."""

    @classmethod
    def of(cls, texts: pl.Series | Iterable[str | None]) -> TextColumn:
        """Take the texts of a string column or of Python strings; lone surrogates become question marks."""
        if not isinstance(texts, pl.Series):
            texts = pl.Series(
                [None if t is None else t.encode("utf-8", "replace").decode() for t in texts], dtype=pl.String
            )
        array = texts.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        large = array.cast(pa.large_string())
        offsets = np.frombuffer(large.buffers()[1], np.int64)[large.offset : large.offset + len(large) + 1]
        data = large.buffers()[2]
        first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
        whole = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        return cls(whole[first:last].copy(), offsets - first if len(offsets) else np.zeros(1, np.int64))

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.offsets) - 1

    def series(self) -> pl.Series:
        """Return the texts as a string column."""
        array = pa.LargeStringArray.from_buffers(len(self), pa.py_buffer(self.offsets), pa.py_buffer(self.data))
        return pl.Series(array)

    def strings(self) -> list[str]:
        """Return the texts as Python strings."""
        return self.series().to_list()

    def keys(self) -> NDArray[np.uint64]:
        """Hash each text, as `hashing.keys` does; 0 for an empty one."""
        found = np.zeros(len(self), np.uint64)
        _hash(np.require(self.data, requirements="W"), np.require(self.offsets, requirements="W"), found)
        return found


@kernel
def _hash(data: NDArray[np.uint8], offsets: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
    for row in range(keys.shape[0]):
        if offsets[row + 1] > offsets[row]:
            keys[row] = hash_bytes(data, offsets[row], offsets[row + 1])
