"""Stable 64-bit keys for strings.

Feature state, shards and duplicate detection know accounts, events, targets and texts by these keys only, so that
state is small and holds no personal data. XXH64 with seed 0 (https://github.com/Cyan4973/xxHash, "XXH64 algorithm
description"): the keys are written into state and decide the shard, so they must never change. Two of n strings share
a key with probability n²/2⁶⁵: 3e-8 at a million accounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from detector.contract.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_P1: Final = np.uint64(0x9E3779B185EBCA87)
_P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P3: Final = np.uint64(0x165667B19E3779F9)
_P4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P5: Final = np.uint64(0x27D4EB2F165667C5)
_BITS: Final = np.uint64(64)
_STRIPE, _EIGHT, _FOUR, _ONE = np.uint64(32), np.uint64(8), np.uint64(4), np.uint64(1)

_INLINE_MAX: Final = 12
SCRATCH_MARGIN: Final = 16
"""No string is longer than the data of its column, or else than this."""
_EMPTY: Final = np.frombuffer(b"", np.uint8)


class Strings(NamedTuple):
    """A string column as kernels read it. They take its parts one by one, which costs less than together."""

    views: NDArray[np.uint8]
    """16 bytes a row: its length, then either up to 12 bytes of the string itself, or its first four bytes, the number
    of a data buffer (here there is one) and the place there."""
    data: NDArray[np.uint8]
    valid: NDArray[np.uint8]
    """Bits that say which rows are not null; empty if none is."""
    first: int
    """Where in views and bits the column's first row is."""


def arrow_of(column: pl.Series) -> pa.Array:
    """View a column that is not empty as one Arrow array."""
    chunks = pa.chunked_array(column)  # to_arrow costs twice as much
    return chunks.chunk(0) if chunks.num_chunks == 1 else pa.chunked_array(column.rechunk()).chunk(0)


def strings_of(column: pl.Series) -> Strings:
    """View a string column that is not empty."""
    return string_views(arrow_of(column))


def string_views(array: pa.Array) -> Strings:
    """View an Arrow array of string views; it is copied only if its strings lie in several buffers."""
    valid, views, *data = array.buffers()
    if len(data) > 1:
        array = array.cast(pa.large_string()).cast(pa.string_view())
        valid, views, *data = array.buffers()
    return Strings(readable(views), readable(data[0] if data else None), readable(valid), array.offset)


def readable(buffer: pa.Buffer | None) -> NDArray[np.uint8]:
    """View a buffer by bytes."""
    if buffer is None:
        return _EMPTY
    array = np.frombuffer(buffer, np.uint8)
    if array.flags.writeable:
        array.flags.writeable = False  # kernels are compiled for one kind of array
    return array


def keys(strings: pl.Series) -> NDArray[np.uint64]:
    """Hash a string column to 64-bit keys, shape (n,); null is 0, and no string is."""
    out = np.zeros(len(strings), np.uint64)
    write_keys(strings, out)
    return out


def shard_of(keys: NDArray[np.uint64], shards: int) -> NDArray[np.int64]:
    """Say which of a fixed number of shards each key belongs to: by its high bits, for slot tables use the low ones."""
    return ((keys >> np.uint64(40)) % np.uint64(shards)).astype(np.int64)


def write_keys(strings: pl.Series, out: NDArray[np.uint64]) -> None:
    """Write the keys of a string column; rows that are null are left as they are."""
    if strings.null_count() < len(strings):
        hash_all(*strings_of(strings), out)


@inlined
def _rotate(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> (_BITS - np.uint64(bits)))


@inlined
def word_at(data: NDArray[np.uint8], i: np.uint64, width: int) -> np.uint64:
    """Read up to 8 bytes as a number, the first the lowest."""
    word = np.uint64(0)
    for k in range(width):
        word |= np.uint64(data[i + np.uint64(k)]) << np.uint64(8 * k)
    return word


@inlined
def signed(number: np.unsignedinteger[Any]) -> int:
    """Make a number signed: kernels take the sum of a signed and an unsigned one for a float."""
    return np.int64(number)  # type: ignore[return-value]  # mypy tells numpy's integers from Python's


@inlined
def is_valid(valid: NDArray[np.uint8], row: int) -> bool:
    """Tell whether a row is not null."""
    return valid.shape[0] == 0 or bool((valid[row >> 3] >> (row & 7)) & 1)


@inlined
def bytes_at(views: NDArray[np.uint8], data: NDArray[np.uint8], row: int) -> tuple[NDArray[np.uint8], int, int]:
    """Give the bytes in which a string stands, where it begins and where it ends."""
    view = np.uint64(16 * row)
    length = signed(word_at(views, view, 4))
    inside = length <= _INLINE_MAX
    start = signed(view) + 4 if inside else signed(word_at(views, view + _EIGHT + _FOUR, 4))
    return views if inside else data, start, start + length


@inlined
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotate(lane + word * _P2, 31) * _P1


@inlined
def _merge(h: np.uint64, lane: np.uint64) -> np.uint64:
    return (h ^ _round(np.uint64(0), lane)) * _P1 + _P4


@kernel
def hash_bytes(data: NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """Hash the bytes between two places; 1 stands for 0, which means no string."""
    i, last = np.uint64(start), np.uint64(end)  # unsigned: a place that could be negative costs more than the hash
    if last - i >= _STRIPE:
        a, b, c, d = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
        while i + _STRIPE <= last:
            a = _round(a, word_at(data, i, 8))
            b = _round(b, word_at(data, i + _EIGHT, 8))
            c = _round(c, word_at(data, i + _EIGHT + _EIGHT, 8))
            d = _round(d, word_at(data, i + _EIGHT + _EIGHT + _EIGHT, 8))
            i += _STRIPE
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        h = _merge(_merge(_merge(_merge(h, a), b), c), d)
    else:
        h = _P5
    h += np.uint64(end - start)
    while i + _EIGHT <= last:
        h = _rotate(h ^ _round(np.uint64(0), word_at(data, i, 8)), 27) * _P1 + _P4
        i += _EIGHT
    if i + _FOUR <= last:
        h = _rotate(h ^ (word_at(data, i, 4) * _P1), 23) * _P2 + _P3
        i += _FOUR
    while i < last:
        h = _rotate(h ^ (np.uint64(data[i]) * _P5), 11) * _P1
        i += _ONE
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    h ^= h >> np.uint64(32)
    return h if h != 0 else _ONE


@kernel
def hash_all(
    views: NDArray[np.uint8],
    data: NDArray[np.uint8],
    valid: NDArray[np.uint8],
    first: int,
    out: NDArray[np.uint64],
) -> None:
    """Write the key of each row that is not null."""
    for row in range(out.shape[0]):
        if is_valid(valid, first + row):
            text, start, end = bytes_at(views, data, first + row)
            out[row] = hash_bytes(text, start, end)
