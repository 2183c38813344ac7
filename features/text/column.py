"""Texts as kernels read and write them: the bytes of all, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from detector.contract.jit import kernel
from features.hashing import bytes_at, hash_bytes, is_valid, strings_of

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
        return cls.at(texts, np.arange(len(texts)))

    @classmethod
    def at(cls, texts: pl.Series, rows: NDArray[np.int64]) -> TextColumn:
        """Take the texts of some rows of a string column; through kernels, for polars' engine has a fixed cost."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        if not len(rows) or texts.null_count() == len(texts):
            return cls(np.zeros(0, np.uint8), offsets)
        strings = strings_of(texts)
        _measure(*strings, rows, offsets)
        data = np.empty(offsets[-1], np.uint8)
        _copy(*strings, rows, offsets, data)
        return cls(data, offsets)

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


@kernel
def _measure(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> None:
    for k in range(rows.shape[0]):
        size = 0
        if is_valid(valid, first + rows[k]):
            _, start, end = bytes_at(views, data, first + rows[k])
            size = end - start
        offsets[k + 1] = offsets[k] + size


@kernel
def _copy(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    for k in range(rows.shape[0]):
        if is_valid(valid, first + rows[k]):
            text, start, end = bytes_at(views, data, first + rows[k])
            at = offsets[k]
            for i in range(start, end):
                out[at + i - start] = text[i]
