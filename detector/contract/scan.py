"""Scan: the fast path. One pass over the bytes of a batch finds where every known field's value stands.

It takes only what is plainly right. Whatever is doubtful (a wrong type, an odd escape in a key, an exponent, a
time out of range …) gets the status ``LOOK`` and goes to the reference in ``lines``; so the two cannot differ in
what they accept, and the fast path needs no error messages. A value that breaks off, right so far, is ``BROKEN``: it
is no JSON whatever the reference would read first.

A zero byte follows each value. It is right nowhere in JSON, so nothing reads on into the next value.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.contract.events import EVENT_TYPES, FIELDS
from detector.contract.intrinsics import byte_at
from detector.contract.jit import inlined, kernel
from detector.contract.kernels import (
    INLINE_MAX,
    Bytes,
    Words,
    after_blanks,
    find_word,
    is_null,
    read_integer,
    read_number,
    words_of,
    write_view,
)
from detector.contract.string_kernels import read_string
from detector.contract.time_kernel import NO_TIME, read_time
from detector.contract.unknown_fields import DOUBTS, KEYS, NEST_SIZE, copy_field

GOOD: Final = 0
REWRITE: Final = 1
LOOK: Final = 2
BROKEN: Final = 3
"""Status of a value: an event, an event whose unknown fields are not in their final form, for the reference to judge,
certainly no JSON."""

STRINGS: Final = ("event_id", "account_id", *(name for name, held in FIELDS.items() if held == pl.String))
INTEGERS: Final = tuple(name for name, held in FIELDS.items() if held == pl.Int64)
NUMBERS: Final = tuple(name for name, held in FIELDS.items() if held == pl.Float64)
LISTS: Final = tuple(name for name, held in FIELDS.items() if held == pl.List(pl.String))

FIRST_INTEGER: Final = len(STRINGS)
FIRST_NUMBER: Final = FIRST_INTEGER + len(INTEGERS)
FIRST_LIST: Final = FIRST_NUMBER + len(NUMBERS)
_TYPE: Final = FIRST_LIST + len(LISTS)
_TS: Final = _TYPE + 1
EXTRA: Final = _TS + 1
"""Where each kind of field begins in the order of the fields, whose numbers are also the bits of ``present``."""

_IDS: Final = 0b11  # event_id, account_id
_QUOTE, _COMMA, _COLON, _OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = b'",:{}[]'
_NEEDED: Final = _IDS | 1 << _TYPE | 1 << _TS
_VOCABULARY: Final = (words_of((*STRINGS, *INTEGERS, *NUMBERS, *LISTS, "type", "ts")), words_of(tuple(EVENT_TYPES)))
_MAY_BEGIN: Final = np.isin(np.arange(256), list(b'{["-0123456789tfn')) | (np.arange(256) <= 32)
_MAY_BEGIN[127:] = True

ITEMS_USED, EXTRA_USED, REWRITES, ALWAYS, EVER, LONG = range(6)
"""Places in ``totals``: items and bytes of ``extra`` in use, events to rewrite, fields that all events have, that any
has, and from ``LONG`` on the bytes of each string field that views cannot hold themselves, at most."""


class Scanned(NamedTuple):
    """What a scan found; what a field holds counts only in the rows that have it."""

    status: Bytes
    present: NDArray[np.int64]
    kinds: NDArray[np.int64]
    times: NDArray[np.int64]
    views: NDArray[np.uint64]
    """String field by row, then the row's views of ``extra``."""
    integers: NDArray[np.int64]
    numbers: NDArray[np.float64]
    list_starts: NDArray[np.int64]
    list_counts: NDArray[np.int64]
    items: NDArray[np.uint64]
    extra: Bytes
    totals: NDArray[np.int64]
    nest: NDArray[np.int64]


def scan(buffer: Bytes, ends: NDArray[np.int64], ts_min_ms: int, ts_max_ms: int) -> Scanned:
    """Scan a batch whose values stand in ``buffer``, each with a zero after it; strings are unescaped in place."""
    count = len(ends)
    items = 4 * count + 64  # a batch with more list items than this sends the rest to the reference
    found = Scanned(
        np.empty(count, np.uint8),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty((len(STRINGS) + 1, count, 2), np.uint64),
        np.zeros((len(INTEGERS), count), np.int64),
        np.zeros((len(NUMBERS), count)),
        np.empty((len(LISTS), count), np.int64),
        np.empty((len(LISTS), count), np.int64),
        np.empty((items, 2), np.uint64),
        np.empty(len(buffer), np.uint8),
        np.zeros(LONG + len(STRINGS), np.int64),
        np.zeros(NEST_SIZE, np.int64),
    )
    found.totals[ALWAYS] = -1
    _scan(buffer, ends, found, *_VOCABULARY, ts_min_ms, ts_max_ms)
    return found


def extra_text(found: Scanned, row: int) -> bytes:
    """Give the unknown fields of a row as they stand in the scan."""
    view = found.views[len(STRINGS), row]
    length, place = int(view[0]) & 0xFFFFFFFF, int(view[1]) >> 32
    return view.tobytes()[4 : 4 + length] if length <= INLINE_MAX else found.extra[place : place + length].tobytes()


@kernel
def _scan(
    buffer: Bytes, ends: NDArray[np.int64], found: Scanned, names: Words, types: Words, ts_min_ms: int, ts_max_ms: int
) -> None:
    begin = 0
    for row in range(len(ends)):
        extra = found.totals[EXTRA_USED]
        status, present = _scan_object(buffer, begin, ends[row], row, found, names, types)
        begin = ends[row] + 1
        if status == GOOD and not _is_event(found, row, present, ts_min_ms, ts_max_ms):
            status = LOOK
        if status == GOOD and found.nest[DOUBTS] > 0:
            status = REWRITE
            found.totals[REWRITES] += 1
        found.status[row] = status
        if status >= LOOK:
            found.totals[EXTRA_USED] = extra
            continue
        found.present[row] = present
        found.totals[ALWAYS] &= present
        found.totals[EVER] |= present


@inlined
def _is_event(found: Scanned, row: int, present: int, ts_min_ms: int, ts_max_ms: int) -> bool:
    return bool(
        present & _NEEDED == _NEEDED
        and found.kinds[row] >= 0
        and np.uint32(found.views[0, row, 0]) > 0
        and np.uint32(found.views[1, row, 0]) > 0
        and ts_min_ms <= found.times[row] <= ts_max_ms
        and found.times[row] != NO_TIME
    )


@inlined
def _scan_object(
    buffer: Bytes, at: int, end: int, row: int, found: Scanned, names: Words, types: Words
) -> tuple[int, int]:
    found.nest[DOUBTS] = found.nest[KEYS] = 0
    first_extra = found.totals[EXTRA_USED]
    at = after_blanks(buffer, at)
    letter = byte_at(buffer, at)
    if letter != _OPEN:
        return (LOOK if _MAY_BEGIN[letter] else BROKEN), 0
    present = 0
    letter = _COMMA
    while letter == _COMMA:
        begin = after_blanks(buffer, at + 1)
        length, at = _read_key(buffer, begin, end)
        if at >= 0:
            field = find_word(buffer, begin + 1, length, names)
            if field >= 0:
                at, held = _read_value(buffer, at, end, row, field, found, types)
                present = present & ~(1 << field) | held << field
            else:
                at = _keep(buffer, begin, length + 2, at, end, found, first_extra)
                present |= 1 << EXTRA
        if at < 0:
            return _failed(~at, end, found), 0
        at = after_blanks(buffer, at)
        letter = byte_at(buffer, at)
    if letter != _CLOSE or after_blanks(buffer, at + 1) != end:
        return _failed(at, end, found), 0
    if present >> EXTRA:
        _close_extra(found, row, first_extra)
    return GOOD, present


@inlined
def _failed(at: int, end: int, found: Scanned) -> int:
    return BROKEN if at == end and found.nest[DOUBTS] == 0 else LOOK


@inlined
def _read_key(buffer: Bytes, begin: int, end: int) -> tuple[int, int]:
    length, at = read_string(buffer, begin, end)
    if at < 0:
        return 0, at
    if at - begin - 2 != length:  # it had escapes
        return 0, -1
    at = after_blanks(buffer, at)
    return (length, after_blanks(buffer, at + 1)) if byte_at(buffer, at) == _COLON else (0, ~at)


@kernel
def _keep(buffer: Bytes, begin: int, size: int, at: int, end: int, found: Scanned, first: int) -> int:
    """Copy an unknown field, its quoted key ``size`` long, to where the row's others are."""
    to = found.totals[EXTRA_USED]
    found.extra[to] = _OPEN if to == first else _COMMA
    at, to = copy_field(buffer, begin, size, at, end, found.extra, to + 1, found.nest)
    found.totals[EXTRA_USED] = to
    return at


@kernel
def _close_extra(found: Scanned, row: int, first: int) -> None:
    to = found.totals[EXTRA_USED]
    found.extra[to] = _CLOSE
    found.totals[EXTRA_USED] = to + 1
    write_view(found.views[len(STRINGS)], row, found.extra, first, to + 1 - first)


@inlined
def _read_value(
    buffer: Bytes, at: int, end: int, row: int, field: int, found: Scanned, types: Words
) -> tuple[int, int]:
    if field < FIRST_INTEGER:
        length, after = read_string(buffer, at, end)
        if after >= 0:
            write_view(found.views[field], row, buffer, at + 1, length)
            found.totals[LONG + field] += length if length > INLINE_MAX else 0
            return after, 1
    elif field == _TS:
        after = _take_time(buffer, at, end, row, found)
    elif field == _TYPE:
        length, after = read_string(buffer, at, end)
        found.kinds[row] = find_word(buffer, at + 1, length, types) if after >= 0 else -1
    elif field < FIRST_NUMBER:
        found.integers[field - FIRST_INTEGER, row], after = read_integer(buffer, at)
    elif field < FIRST_LIST:
        found.numbers[field - FIRST_NUMBER, row], after = read_number(buffer, at)
    else:
        after = _take_list(buffer, at, end, row, field - FIRST_LIST, found)
    if after >= 0:
        return after, 1
    return (at + 4 if is_null(buffer, at) else after), 0


@kernel
def _take_list(buffer: Bytes, at: int, end: int, row: int, field: int, found: Scanned) -> int:
    if byte_at(buffer, at) != _OPEN_LIST:
        return ~at
    first = item = found.totals[ITEMS_USED]
    at = after_blanks(buffer, at + 1)
    letter = _CLOSE_LIST if byte_at(buffer, at) == _CLOSE_LIST else _COMMA
    while letter == _COMMA:
        length, after = read_string(buffer, at, end)
        if after < 0 or item >= len(found.items):
            return after if after < 0 else -1
        write_view(found.items, item, buffer, at + 1, length)
        item += 1
        at = after_blanks(buffer, after)
        letter = byte_at(buffer, at)
        if letter == _COMMA:
            at = after_blanks(buffer, at + 1)
    if letter != _CLOSE_LIST:
        return ~at
    found.totals[ITEMS_USED] = item
    found.list_starts[field, row] = first
    found.list_counts[field, row] = item - first
    return at + 1


@kernel
def _take_time(buffer: Bytes, at: int, end: int, row: int, found: Scanned) -> int:
    if byte_at(buffer, at) != _QUOTE:
        found.times[row], after = read_integer(buffer, at)
        return after
    length, after = read_string(buffer, at, end)
    if after >= 0:
        found.times[row] = read_time(buffer, at + 1, at + 1 + length)
    return after
