"""What moves on with an account's newest event: windows, rings of days and hours, and what is still held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.arrays import (
    BITS,
    BLANK,
    CAPACITY,
    CHUNK,
    DROPPED,
    DROPPED_CLASS,
    DROPPED_GAP,
    HEAD,
    HELD,
    LATEST,
    NEWEST,
    NO_TIME,
    RECEIVED_BIT,
    TS,
)
from features.blocks import give_back
from features.intrinsics import trailing_zeros
from features.places import DAYS, HOUR_MS, HOURS, SLOT_MS, SLOTS

from .constants import (
    CLASS,
    DAY_MASKS,
    DAY_PLACES,
    FIELDS_64,
    GAP,
    HOUR_RING,
    RECORD,
    SLOT_RING,
    STARTS,
    WINDOW_COUNT,
    WINDOWS,
)
from .reading import short
from .totals import count

if TYPE_CHECKING:
    from features.arrays import State

_ONE: Final = np.uint64(1)
_RECEIVED: Final = _ONE << np.uint64(RECEIVED_BIT)
_DAY_MS: Final = 24 * HOUR_MS


@kernel
def reset(s: State, r: int) -> None:
    """Forget the account whose record lies open."""
    if s.words[r + CHUNK] >= 0:
        give_back(s.log, s.blocks, s.words[r + CHUNK], s.homes)
    for i in range(RECORD):
        s.words[r + i] = s.words[BLANK * RECORD + i]


@part
def advance(s: State, r: int, ts: int) -> None:
    """Move the account's own newest time on, and subtract what falls out of each window."""
    before = s.words[r + NEWEST]
    s.words[r + NEWEST] = ts
    chunk, capacity = s.words[r + CHUNK], int(s.halves[2 * r + CAPACITY])
    end = s.halves[2 * r + HEAD] + s.halves[2 * r + HELD]
    for w in range(WINDOW_COUNT):
        oldest = ts - WINDOWS[w]
        i = short(s.shorts, 4 * r + STARTS + w)
        while i < end and s.log[chunk + TS * capacity + i] < oldest:
            count(s, r, capacity, i, w, -1)
            i += 1
        s.shorts[4 * r + STARTS + w] = i
    _clear_days(s, r, DAY_MASKS[0], before, ts)
    if HOUR_RING >= 0:
        _clear_ring(s, r + HOUR_RING, before, ts, HOUR_MS, HOURS)
    if SLOT_RING >= 0:
        _clear_ring(s, r + SLOT_RING, before, ts, SLOT_MS, SLOTS)


@part
def see(s: State, r: int, ts: int) -> None:
    """Move the newest time of any event of the account on."""
    before = s.words[r + LATEST]
    if ts > before:
        s.words[r + LATEST] = ts
        _clear_days(s, r, DAY_MASKS[1], before, ts)


@part
def forget(s: State, r: int, oldest: int) -> None:
    """Drop what is older than need be held, out of its windows first."""
    h = 2 * r
    chunk, capacity = s.words[r + CHUNK], s.halves[h + CAPACITY]
    while s.halves[h + HELD] > 0 and s.log[chunk + TS * capacity + s.halves[h + HEAD]] < oldest:
        drop_oldest(s, r)


@kernel
def drop_oldest(s: State, r: int) -> None:
    """Drop the oldest held event, out of its windows first."""
    h = 2 * r
    capacity, head = int(s.halves[h + CAPACITY]), int(s.halves[h + HEAD])
    for w in range(WINDOW_COUNT):
        if s.shorts[4 * r + STARTS + w] == head:
            count(s, r, capacity, head, w, -1)
            s.shorts[4 * r + STARTS + w] += 1
    chunk = s.words[r + CHUNK]
    ts = s.log[chunk + TS * capacity + head]
    if not np.uint64(s.log[chunk + BITS * capacity + head]) & _RECEIVED and ts >= s.words[r + DROPPED]:
        s.words[r + DROPPED] = ts
        small = 2 * (chunk + FIELDS_64 * capacity) + head
        if CLASS >= 0:
            s.halves[h + DROPPED_CLASS] = (s.log_halves[small + CLASS * capacity] >> 24) & 7
        if GAP >= 0:
            s.halves[h + DROPPED_GAP] = s.log_halves[small + GAP * capacity]
    s.halves[h + HEAD] += 1
    s.halves[h + HELD] -= 1


@part
def count_day(s: State, r: int, bits: np.uint64, newest: int, ts: int) -> None:
    """Count an event's bits on its day, if that is among the last seven."""
    day = ts // _DAY_MS
    if newest // _DAY_MS - day >= DAYS:
        return
    left = bits
    while left:
        place = 4 * r + DAY_PLACES[trailing_zeros(left)] + day % DAYS
        s.shorts[place] = min(short(s.shorts, place) + 1, 65535)
        left &= left - _ONE


@part
def mark_active(s: State, r: int, ts: int) -> None:
    """Mark the hour and the ten minutes of an event of the account's own."""
    newest = s.words[r + NEWEST]
    if HOUR_RING >= 0 and newest // HOUR_MS - ts // HOUR_MS < HOURS:
        place = (ts // HOUR_MS) % HOURS
        s.words[r + HOUR_RING + (place >> 6)] |= np.int64(_ONE << np.uint64(place & 63))
    if SLOT_RING >= 0 and newest // SLOT_MS - ts // SLOT_MS < SLOTS:
        place = (ts // SLOT_MS) % SLOTS
        s.words[r + SLOT_RING + (place >> 6)] |= np.int64(_ONE << np.uint64(place & 63))


@part
def _clear_days(s: State, r: int, mask: np.uint64, before: int, ts: int) -> None:
    """Empty the days between two times: they now stand for days to come, or were days gone by."""
    first, last = before // _DAY_MS + 1, ts // _DAY_MS
    if before == NO_TIME or first > last:
        return
    first = max(first, last - DAYS + 1)
    left = mask
    while left:
        place = 4 * r + DAY_PLACES[trailing_zeros(left)]
        for day in range(first, last + 1):
            s.shorts[place + day % DAYS] = 0
        left &= left - _ONE


@part
def _clear_ring(s: State, ring: int, before: int, ts: int, unit_ms: int, size: int) -> None:
    first, last = before // unit_ms + 1, ts // unit_ms
    if before == NO_TIME or first > last:
        return
    for unit in range(max(first, last - size + 1), last + 1):
        place = unit % size
        s.words[ring + (place >> 6)] &= ~np.int64(_ONE << np.uint64(place & 63))
