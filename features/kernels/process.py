"""The kernel: events one after the other, each with one pass over its account's windows.

An account's log is ordered by (event time, event key), so that the order never depends on arrival. A new event adds to
the totals of the windows it lies in; when the account's own newest time moves on, events that fall out of a window are
subtracted. What an account receives is held beside what it does, but never moves its windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.events import TYPE_CODES
from detector.contract.jit import kernel, part
from features import columns
from features.arrays import (
    BITS,
    CAPACITY,
    CHUNK,
    DUPLICATE,
    EVENT,
    EVENTS,
    FIRST_SEEN,
    HEAD,
    HELD,
    HELD_MAX,
    HOME,
    LATE,
    LATEST,
    NEWEST,
    NO_TIME,
    OTHER,
    PROCESSED,
    SIGNUP,
    TS,
)
from features.blocks import has_room
from features.places import ACTIONS

from .chunks import make_room
from .clocks import advance, count_day, drop_oldest, forget, mark_active, reset, see
from .constants import (
    CLASS,
    DAY_MASKS,
    DOMAIN,
    FIELDS_32,
    FIELDS_64,
    FIRST_COUNT,
    FIRST_MASKS,
    FIRST_PLACES,
    HALVES,
    LATEST_COLUMNS,
    LATEST_COUNT,
    LATEST_PLACES,
    LATEST_TIMES,
    LATEST_WIDTHS,
    LENGTH,
    SHAPE,
    STARTS,
    TEXT,
    WINDOW_COUNT,
    WINDOWS,
)
from .evaluate import evaluate
from .places import RECEIVED, place_event
from .records import fetch, open_record
from .totals import is_held

if TYPE_CHECKING:
    from features.arrays import Batch, Results, State

_SIGNUP_TYPE: Final = TYPE_CODES["signup"]
_ACTIONS: Final = np.array([next(i for i, (_, types) in enumerate(ACTIONS) if name in types) for name in TYPE_CODES])
_HOUR_MS: Final = 3_600_000


@kernel
def process(s: State, batch: Batch, hold_ms: int, ttl_ms: int, results: Results) -> bool:
    """Process rows from the cursor on; return whether all are done (if not, the blocks need room).

    An event is late when it is more than ``hold_ms`` older than its account's newest; such a row and a duplicate
    change nothing and leave their vector untouched. An account nothing was heard of for ``ttl_ms`` begins anew.
    """
    n = batch.roles.shape[0]
    at, out = results.cursor[0], results.cursor[1]
    while at < n and has_room(s.blocks):
        fetch(s, batch.slots, at)
        out += _take_in(s, batch, at, hold_ms, ttl_ms, results, out)
        at += 1
    results.cursor[0], results.cursor[1] = at, out
    return bool(at == n)


@part
def _take_in(s: State, batch: Batch, at: int, hold_ms: int, ttl_ms: int, results: Results, out: int) -> int:
    """Take in one event in one role; return how many rows of the results that made."""
    home, row, received = batch.slots[at] * HOME, batch.roles[at] >> 1, batch.roles[at] & 1
    r = open_record(s, batch.slots[at])
    s.words[r + CHUNK] = s.homes[home + EVENTS]
    ts = batch.words[row, columns.TS]
    if s.words[r + LATEST] != NO_TIME and ts > s.words[r + LATEST] + ttl_ms:
        reset(s, r)
    if received:
        if s.words[r + LATEST] == NO_TIME or ts >= s.words[r + LATEST] - hold_ms:
            _receive(s, r, batch, row, hold_ms)
    else:
        results.outcomes[out] = _send(s, r, batch, row, hold_ms)
        if results.outcomes[out] == PROCESSED:
            evaluate(s, r, results.vectors[out])
    s.homes[home + EVENTS] = s.words[r + CHUNK]
    s.words[r + CHUNK] = -1
    return 1 - int(received)


@part
def _send(s: State, r: int, batch: Batch, row: int, hold_ms: int) -> int:
    """Take in an event for the account that acts."""
    ts = batch.words[row, columns.TS]
    newest = s.words[r + NEWEST]
    if newest != NO_TIME and ts < newest - hold_ms:
        return LATE
    if s.words[r + CHUNK] >= 0 and is_held(s, r, int(s.halves[2 * r + CAPACITY]), batch.words[row, columns.EVENT]):
        return DUPLICATE
    if ts > newest:
        advance(s, r, ts)
        newest = ts
    see(s, r, ts)
    bits = np.uint64(batch.words[row, columns.SENT])
    _remember(s, r, batch, row, bits)
    count_day(s, r, bits & DAY_MASKS[0], newest, ts)
    mark_active(s, r, ts)
    _insert(s, r, batch, row, bits)
    forget(s, r, s.words[r + LATEST] - hold_ms)
    return PROCESSED


@part
def _receive(s: State, r: int, batch: Batch, row: int, hold_ms: int) -> None:
    """Take in an event for the account it is aimed at."""
    if s.words[r + CHUNK] >= 0 and is_held(s, r, int(s.halves[2 * r + CAPACITY]), batch.words[row, columns.EVENT]):
        return
    ts = batch.words[row, columns.TS]
    bits = np.uint64(batch.words[row, columns.RECEIVED])
    see(s, r, ts)
    count_day(s, r, bits & DAY_MASKS[1], s.words[r + LATEST], ts)
    _insert(s, r, batch, row, bits | RECEIVED)
    forget(s, r, s.words[r + LATEST] - hold_ms)


@part
def _remember(s: State, r: int, batch: Batch, row: int, bits: np.uint64) -> None:
    """Keep what is known for as long as the account is: first times and latest values, whatever the order."""
    ts = batch.words[row, columns.TS]
    if s.words[r + FIRST_SEEN] == NO_TIME or ts < s.words[r + FIRST_SEEN]:
        s.words[r + FIRST_SEEN] = ts
    is_signup = batch.halves[row, columns.TYPE] == _SIGNUP_TYPE
    if is_signup and (s.words[r + SIGNUP] == NO_TIME or ts < s.words[r + SIGNUP]):
        s.words[r + SIGNUP] = ts
    for f in range(FIRST_COUNT):
        place = r + FIRST_PLACES[f]
        if bits & FIRST_MASKS[f] and (s.words[place] == NO_TIME or ts < s.words[place]):
            s.words[place] = ts
    for v in range(LATEST_COUNT):
        if batch.halves[row, LATEST_COLUMNS[v]] < 0 or ts < s.words[r + LATEST_TIMES[v]]:
            continue
        place = 2 * r + HALVES + LATEST_PLACES[v]
        for k in range(LATEST_WIDTHS[v]):
            value = batch.halves[row, LATEST_COLUMNS[v] + k]
            same_time = ts == s.words[r + LATEST_TIMES[v]]
            s.halves[place + k] = max(value, s.halves[place + k]) if same_time else value
        s.words[r + LATEST_TIMES[v]] = ts


@part
def _insert(s: State, r: int, batch: Batch, row: int, bits: np.uint64) -> None:
    """Put the event at its place in the log, and count it."""
    h = 2 * r
    if s.halves[h + HELD] >= HELD_MAX:
        drop_oldest(s, r)
    make_room(s, r)
    ts, event = batch.words[row, columns.TS], batch.words[row, columns.EVENT]
    chunk, capacity = s.words[r + CHUNK], int(s.halves[h + CAPACITY])
    head = int(s.halves[h + HEAD])
    end = head + s.halves[h + HELD]
    place = end
    while place > head and _is_after(s, chunk, capacity, place - 1, ts, event):
        place -= 1
    if place < end:
        _shift(s, chunk, capacity, place, end)
    newest = s.words[r + NEWEST]
    for w in range(WINDOW_COUNT):
        if newest != NO_TIME and ts < newest - WINDOWS[w]:
            s.shorts[4 * r + STARTS + w] += 1
    _write(s, chunk, capacity, place, batch, row, bits)
    s.halves[h + HELD] += 1
    place_event(s, r, capacity, place)


@part
def _is_after(s: State, chunk: int, capacity: int, i: int, ts: int, event: int) -> bool:
    other = s.log[chunk + TS * capacity + i]
    return bool(other > ts or (other == ts and np.uint64(s.log[chunk + EVENT * capacity + i]) > np.uint64(event)))


@kernel
def _shift(s: State, chunk: int, capacity: int, place: int, end: int) -> None:
    """Open the place for an event."""
    for f in range(FIELDS_64):
        for i in range(end, place, -1):
            s.log[chunk + f * capacity + i] = s.log[chunk + f * capacity + i - 1]
    small = 2 * (chunk + FIELDS_64 * capacity)
    for f in range(FIELDS_32):
        for i in range(end, place, -1):
            s.log_halves[small + f * capacity + i] = s.log_halves[small + f * capacity + i - 1]


@part
def _write(s: State, chunk: int, capacity: int, place: int, batch: Batch, row: int, bits: np.uint64) -> None:
    ts = batch.words[row, columns.TS]
    received = bits & RECEIVED
    s.log[chunk + TS * capacity + place] = ts
    s.log[chunk + EVENT * capacity + place] = batch.words[row, columns.EVENT]
    s.log[chunk + OTHER * capacity + place] = batch.words[row, columns.ACCOUNT if received else columns.TARGET]
    s.log[chunk + BITS * capacity + place] = np.int64(bits)
    small = 2 * (chunk + FIELDS_64 * capacity) + place
    for f in range(FIELDS_32):
        s.log_halves[small + f * capacity] = -1
    if LENGTH >= 0:
        s.log_halves[small + LENGTH * capacity] = batch.halves[row, columns.LENGTH]
    if TEXT >= 0:
        s.log_halves[small + TEXT * capacity] = batch.halves[row, columns.TEXT]
    if SHAPE >= 0:
        s.log_halves[small + SHAPE * capacity] = batch.halves[row, columns.SHAPE]
    if DOMAIN >= 0:
        s.log_halves[small + DOMAIN * capacity] = batch.halves[row, columns.DOMAIN]
    if CLASS >= 0:
        action = _ACTIONS[batch.halves[row, columns.TYPE]]
        hour = (ts // _HOUR_MS) % 24
        s.log_halves[small + CLASS * capacity] = (action << 24) | (hour << 16)
