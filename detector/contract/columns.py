"""Columns from a scan: strings become Arrow string views, whose bytes are copied once and never become objects.

A string view is 16 bytes: the length, then either up to 12 bytes of the string itself, or its first four bytes,
the number of a data buffer and the place there. Columns that no event has are slices of one frame of nulls.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES
from detector.contract.intrinsics import MARGIN, copy_block
from detector.contract.jit import kernel
from detector.contract.kernels import INLINE_MAX, Bytes
from detector.contract.scan import (
    ALWAYS,
    EVER,
    EXTRA,
    EXTRA_USED,
    FIRST_INTEGER,
    FIRST_LIST,
    FIRST_NUMBER,
    INTEGERS,
    LISTS,
    LONG,
    NUMBERS,
    STRINGS,
    Scanned,
)

_STRING: Final = pa.string_view()
_LIST: Final = pa.large_list(_STRING)
_NULLS_MAX: Final = 16_384
_PLACES: Final = {name: place for place, name in enumerate(EVENT_SCHEMA)}
_INLINE, _LENGTH, _HALF = np.uint64(INLINE_MAX), np.uint64(2**32 - 1), np.uint64(32)
_Rows = NDArray[np.int64]
_Views = NDArray[np.uint64]
_Taken = _Rows | slice


def frame_of(buffer: Bytes, found: Scanned, rows: _Rows) -> pl.DataFrame:
    """Build the events' columns from the given rows of a scan."""
    count = len(rows)
    taken: _Taken = slice(None) if count == len(found.status) else rows  # a slice copies nothing
    ever = int(found.totals[EVER])
    columns = _strings(buffer, found, rows)
    columns["type"] = _arrow(_STRING, count, None, _KIND_VIEWS[found.kinds[taken]], _KIND_DATA)
    columns["ts"] = _arrow(pa.int64(), count, None, found.times[taken])
    for at, name in enumerate(INTEGERS):
        if ever >> FIRST_INTEGER + at & 1:
            valid = _valid(found, taken, FIRST_INTEGER + at)
            columns[name] = _arrow(pa.int64(), count, valid, found.integers[at][taken])
    for at, name in enumerate(NUMBERS):
        if ever >> FIRST_NUMBER + at & 1:
            valid = _valid(found, taken, FIRST_NUMBER + at)
            columns[name] = _arrow(pa.float64(), count, valid, found.numbers[at][taken])
    for at, name in enumerate(LISTS):
        if ever >> FIRST_LIST + at & 1:
            columns[name] = _lists(buffer, found, taken, at)
    return _among_nulls(columns, count)


def _among_nulls(columns: dict[str, pa.Array], count: int) -> pl.DataFrame:
    frame = _NULLS.slice(0, count) if count <= _NULLS_MAX else _nulls(count)
    held = pl.DataFrame(pa.RecordBatch.from_arrays(list(columns.values()), list(columns)))
    for column in held.get_columns():
        frame.replace_column(_PLACES[column.name], column)
    return frame


def _nulls(count: int) -> pl.DataFrame:
    by_type = {held: pl.repeat(None, count, dtype=held, eager=True) for held in set(EVENT_SCHEMA.dtypes())}
    return pl.DataFrame([by_type[held].alias(name) for name, held in EVENT_SCHEMA.items()])


_NULLS: Final = _nulls(_NULLS_MAX)


def _arrow(kind: pa.DataType, count: int, valid: Bytes | None, *buffers: NDArray[np.generic]) -> pa.Array:
    held = [None if valid is None else pa.py_buffer(valid), *(pa.py_buffer(each) for each in buffers)]
    return pa.Array.from_buffers(kind, count, held)


def _valid(found: Scanned, taken: _Taken, field: int) -> Bytes | None:
    if found.totals[ALWAYS] >> field & 1:
        return None
    return np.packbits(found.present[taken] >> field & 1, bitorder="little")


def _strings(buffer: Bytes, found: Scanned, rows: _Rows) -> dict[str, pa.Array]:
    ever, always, count = int(found.totals[EVER]), int(found.totals[ALWAYS]), len(rows)
    fields = [field for field in range(len(STRINGS)) if ever >> field & 1]
    sizes = found.totals[LONG:].tolist()
    starts = list(accumulate((sizes[field] for field in fields), initial=0))
    views = np.empty((len(fields), count, 2), np.uint64)
    valid = np.empty((len(fields), (count + 7) // 8), np.uint8)
    data = np.empty(starts[-1] + MARGIN, np.uint8)
    _gather(buffer, found.views, found.present, rows, np.array([fields, starts[:-1]], np.int64), views, valid, data)
    columns = {}
    for at, field in enumerate(fields):
        bits = None if always >> field & 1 else valid[at]
        columns[STRINGS[field]] = _arrow(_STRING, count, bits, views[at], data[starts[at] : starts[at + 1]])
    if ever >> EXTRA & 1:
        columns["extra"] = _extra(found, rows)
    return columns


def _extra(found: Scanned, rows: _Rows) -> pa.Array:
    taken = slice(None) if len(rows) == len(found.status) else rows
    bits = _valid(found, taken, EXTRA)
    views = found.views[len(STRINGS)][taken]
    if bits is not None:
        views = np.where((found.present[taken] >> EXTRA & 1)[:, None] == 1, views, np.uint64(0))
    return _arrow(_STRING, len(rows), bits, views, found.extra[: found.totals[EXTRA_USED]].copy())


@kernel
def _gather(
    buffer: Bytes,
    found: _Views,
    present: NDArray[np.int64],
    rows: _Rows,
    fields: NDArray[np.int64],
    views: _Views,
    valid: Bytes,
    data: Bytes,
) -> None:
    """Gather the views of some rows field by field, with copies of the strings that do not stand in their views.

    ``fields`` has the number of each, and where its part of ``data`` begins.
    """
    for at in range(fields.shape[1]):
        field, start, bits = fields[0, at], fields[1, at], 0
        used = start
        for place in range(len(rows)):
            row = rows[place]
            held = present[row] >> field & 1
            low, high = found[field, row, 0] * np.uint64(held), found[field, row, 1] * np.uint64(held)
            length = low & _LENGTH
            if length > _INLINE:
                _copy(buffer, np.int64(high >> _HALF), np.int64(length), data, used)
                high = np.uint64(used - start) << _HALF
                used += np.int64(length)
            views[at, place, 0], views[at, place, 1] = low, high
            bits = (bits if place & 7 else 0) | held << (place & 7)
            valid[at, place >> 3] = bits


@kernel
def _copy(buffer: Bytes, at: np.int64, length: np.int64, data: Bytes, to: int) -> None:
    for done in range(0, length, 32):
        copy_block(buffer, at + done, data, to + done)


def _lists(buffer: Bytes, found: Scanned, taken: _Taken, field: int) -> pa.Array:
    valid = _valid(found, taken, FIRST_LIST + field)
    sizes = found.list_counts[field][taken]
    if valid is not None:
        sizes = np.where(found.present[taken] >> FIRST_LIST + field & 1, sizes, 0)
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    items = np.repeat(found.list_starts[field][taken] - offsets[:-1], sizes) + np.arange(offsets[-1])
    strings = _items(buffer, found.items, items)
    held = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(offsets)]
    return pa.Array.from_buffers(_LIST, len(sizes), held, children=[strings])


def _items(buffer: Bytes, found: _Views, items: _Rows) -> pa.Array:
    lengths = found[items, 0] & _LENGTH
    size = int(lengths[lengths > _INLINE].sum())
    views, data = np.empty((1, len(items), 2), np.uint64), np.empty(size + MARGIN, np.uint8)
    valid = np.empty((1, (len(items) + 7) // 8), np.uint8)
    _gather(buffer, found[None], np.ones(len(found), np.int64), items, np.zeros((2, 1), np.int64), views, valid, data)
    return _arrow(_STRING, len(items), None, views, data[:size])


def _kind_views() -> tuple[NDArray[np.int32], Bytes]:
    words = [word.encode() for word in EVENT_TYPES]
    lengths = np.array([len(word) for word in words], np.int32)
    letters = np.frombuffer(b"".join(words), np.uint8)
    views = np.zeros((len(words), 4), np.int32)
    shown = views.view(np.uint8)
    for row, word in enumerate(words):
        head = word if len(word) <= INLINE_MAX else word[:4]
        shown[row, 4 : 4 + len(head)] = np.frombuffer(head, np.uint8)
        if len(word) > INLINE_MAX:
            views[row, 3] = lengths[:row].sum()
    views[:, 0] = lengths
    return views, letters


_KIND_VIEWS, _KIND_DATA = _kind_views()
