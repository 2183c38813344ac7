"""Kernels of shared entities: take in who used one and when, and count who did of late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import inlined, kernel
from features.entity_places import (
    CAPACITY_BIT,
    CHUNK,
    DAY_MS,
    HOUR_MS,
    INLINE,
    NEWEST,
    RECORD,
    SINCE,
    SIZE,
    UNIT,
    UNITS_MAX,
    add,
    begin,
    forget,
    joined,
    members_of,
    release,
    upper,
)
from features.intrinsics import prefetch

if TYPE_CHECKING:
    from features.entity_places import Entities, Halves, Words

_NONE: Final = np.int32(-1)
_FAR, _NEAR = 12, 6  # rows ahead: for the record, and then for its chunk


@kernel
def process(entities: Entities, slots: Words, members: Words, ts: Words, counts: Halves, row: int) -> int:
    """Take rows in from one on and count after each; return the row that needs a larger pool, or their number."""
    rows = slots.shape[0]
    while row < rows:
        if (entities.top[0] + UNITS_MAX) * UNIT > entities.pool.shape[0]:
            return row
        if row + _FAR < rows:
            prefetch(entities.words, slots[row + _FAR] * RECORD)
            _prefetch_chunk(entities, slots[row + _NEAR] * RECORD)
        at = slots[row] * RECORD
        _take_in(entities, at, members[row], ts[row])
        _count(entities, at, counts, row)
        row += 1
    return row


@inlined
def _prefetch_chunk(entities: Entities, at: int) -> None:
    capacity = entities.halves[2 * at + SIZE] >> CAPACITY_BIT
    if capacity > INLINE:
        start = entities.halves[2 * at + CHUNK] * UNIT
        prefetch(entities.pool, start)
        prefetch(entities.pool, start + 2 * capacity)


@inlined
def _take_in(entities: Entities, at: int, member: int, time: int) -> None:
    newest = entities.words[at + NEWEST]
    if entities.halves[2 * at + SIZE] == 0 or time - newest > DAY_MS:
        begin(entities, at, member, time)
        return
    if newest - time > DAY_MS:
        return  # no window will reach back to it
    if time > newest:
        entities.words[at + NEWEST] = time
        if np.int32(np.int32(time) - entities.halves[2 * at + SINCE]) > DAY_MS:
            forget(entities, at)
    low, high, times, held = members_of(entities, at)
    place = _find(low, high, held, np.int32(member), upper(member))
    if place < 0:
        add(entities, at, member, time)
    elif np.int32(np.int32(time) - times[place]) > 0:
        times[place] = np.int32(time)


@inlined
def _find(low: Halves, high: Halves, held: int, member_low: np.int32, member_high: np.int32) -> np.int32:
    place = _NONE
    if held <= INLINE:  # mostly; a loop of fixed length becomes straight code
        for i in range(INLINE):
            place = np.int32(i) if low[i] == member_low and high[i] == member_high and i < held else place
        return place
    for i in range(held):  # to the end even if it is found: only such a loop looks at several at once
        place = np.int32(max(place, np.int32(i) if low[i] == member_low else _NONE))
    if place >= 0 and high[place] != member_high:  # another member with the same lower half
        place = _NONE
        for i in range(held):
            if low[i] == member_low and high[i] == member_high:
                place = np.int32(i)
    return place


@inlined
def _count(entities: Entities, at: int, counts: Halves, row: int) -> None:
    """Count the members whose time is in each window. All in 32 bits: the processor takes eight at once."""
    _, _, times, held = members_of(entities, at)
    now, hour, day = np.int32(entities.words[at + NEWEST]), np.int32(0), np.int32(0)
    if held <= INLINE:
        for i in range(INLINE):
            age = np.int32(now - times[i])
            hour = np.int32(hour + ((age <= HOUR_MS) & (i < held)))
            day = np.int32(day + ((age <= DAY_MS) & (i < held)))
    else:
        for i in range(held):
            age = np.int32(now - times[i])
            hour = np.int32(hour + (age <= HOUR_MS))
            day = np.int32(day + (age <= DAY_MS))
    counts[row, 0] = hour
    counts[row, 1] = day


@kernel
def sweep(entities: Entities, slot: int, top: int, idle_since: int, freed: Words) -> int:
    """Look at as many slots as ``freed`` has places; free those last heard of before a time, and return how many."""
    count = 0
    for _ in range(freed.shape[0]):
        at = slot * RECORD
        if entities.halves[2 * at + SIZE] > 0 and entities.words[at + NEWEST] < idle_since:
            release(entities, at)
            freed[count] = slot
            count += 1
        slot = slot + 1 if slot + 1 < top else 0
    return count


@kernel
def release_all(entities: Entities, slots: Words) -> None:
    """Forget all members of the entities in these slots."""
    for slot in slots:
        release(entities, slot * RECORD)


@kernel
def count_held(entities: Entities, slots: Words) -> int:
    """Return how many members entities have, with those no window holds any more."""
    total = 0
    for slot in slots:
        total += members_of(entities, slot * RECORD)[3]
    return total


@kernel
def copy_held(entities: Entities, slots: Words, newest: Words, counts: Halves, members: Words, ages: Halves) -> int:
    """Copy out the members windows hold, of one entity after the other; return how many there are."""
    total = 0
    for i in range(slots.shape[0]):
        at, before = slots[i] * RECORD, total
        low, high, times, held = members_of(entities, at)
        newest[i] = entities.words[at + NEWEST]
        for k in range(held):
            age = np.int32(np.int32(newest[i]) - times[k])
            if age <= DAY_MS:
                members[total], ages[total] = joined(low[k], high[k]), age
                total += 1
        counts[i] = total - before
    return total
