"""Where an entity keeps its members: in its record while they are few, in a chunk of the pool when they are more.

A record is one cache line with room for `INLINE` members; a chunk has room for a power of two. Both have the lower
halves of the members' keys, then the upper halves, then their times, for the processor compares eight halves at once.
Of a time the lower 32 bits are kept: an entity forgets the old at least once in a day of its own time, so that none is
older than three days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import inlined, kernel
from features.intrinsics import trailing_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.int64]
    Halves = NDArray[np.int32]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

INLINE: Final = 4
CHUNK_MIN: Final = 8
MEMBERS_MAX: Final = 1024
SIZE_CLASSES: Final = 8
"""CHUNK_MIN · 2⁷ = MEMBERS_MAX."""
UNIT: Final = 3 * CHUNK_MIN
"""The pool is given out in units of so many halves, and a chunk is known by its first unit."""
UNITS_MAX: Final = MEMBERS_MAX // CHUNK_MIN
"""What the largest chunk takes of the pool."""

RECORD: Final = 8
"""Words of a record."""
NEWEST: Final = 0
"""The word of a record with its newest time."""
SIZE, SINCE, MEMBERS, CHUNK = 2, 3, 4, 4
"""Halves of a record. Size: members held, and from bit 16 on the capacity, `INLINE` if there is no chunk, 0 if there is
no entity. Since: the newest time when the old were last forgotten. The chunk stands where the members do while few."""
HELD, CAPACITY_BIT = 0xFFFF, 16


class Entities(NamedTuple):
    """The records, two views of the same memory, and the chunks."""

    words: Words
    halves: Halves
    pool: Halves
    free: Words
    """(SIZE_CLASSES,): heads of the lists of free chunks, by size."""
    top: Words
    """(1,): the units from here on were never used."""


@inlined
def upper(key: int) -> np.int32:
    """Return the upper half of a 64-bit key; its lower half is np.int32 of it."""
    return np.int32(key >> 32)


@inlined
def joined(low: np.int32, high: np.int32) -> int:
    """Return the key with these halves."""
    return int(high) << 32 | int(low) & 0xFFFFFFFF


@kernel
def _place(entities: Entities, at: int, chunk: int, capacity: int) -> tuple[Halves, Halves, Halves]:
    block, begin = entities.pool, chunk * UNIT
    if capacity == INLINE:
        block, begin = entities.halves, 2 * at + MEMBERS
    second, third, end = begin + capacity, begin + 2 * capacity, begin + 3 * capacity
    return block[begin:second], block[second:third], block[third:end]


@kernel
def members_of(entities: Entities, at: int) -> tuple[Halves, Halves, Halves, int]:
    """Return the places for the lower and upper halves of an entity's members, for their times, and how many it has."""
    size = int(entities.halves[2 * at + SIZE])
    low, high, times = _place(entities, at, entities.halves[2 * at + CHUNK], size >> CAPACITY_BIT)
    return low, high, times, size & HELD


@kernel
def begin(entities: Entities, at: int, member: int, time: int) -> None:
    """Know one member only."""
    release(entities, at)
    entities.words[at + NEWEST] = time
    entities.halves[2 * at + SIZE] = 1 | INLINE << CAPACITY_BIT
    entities.halves[2 * at + SINCE] = np.int32(time)
    _set(entities, at, 0, member, time)


@kernel
def _set(entities: Entities, at: int, place: int, member: int, time: int) -> None:
    low, high, times, _ = members_of(entities, at)
    low[place], high[place], times[place] = np.int32(member), upper(member), np.int32(time)


@kernel
def add(entities: Entities, at: int, member: int, time: int) -> None:
    """Note a new member."""
    size = entities.halves[2 * at + SIZE]
    if size & HELD == MEMBERS_MAX:
        _replace_oldest(entities, at, member, time)
        return
    if size & HELD == size >> CAPACITY_BIT:
        forget(entities, at)
        held, capacity = entities.halves[2 * at + SIZE] & HELD, entities.halves[2 * at + SIZE] >> CAPACITY_BIT
        if held * 4 > capacity * 3:
            _resize(entities, at, capacity * 2)
    _set(entities, at, entities.halves[2 * at + SIZE] & HELD, member, time)
    entities.halves[2 * at + SIZE] += 1


@kernel
def _replace_oldest(entities: Entities, at: int, member: int, time: int) -> None:
    """Put a new member in the place of the one with the oldest time, unless its own is older.

    Of equally old ones that with the least key goes, so that the order of arrival decides nothing.
    """
    low, high, times, held = members_of(entities, at)
    now = np.int32(entities.words[at + NEWEST])
    oldest = np.int32(0)
    for i in range(held):
        oldest = np.int32(max(oldest, np.int32(now - times[i])))
    place, equals = np.int32(0), np.int32(0)
    for i in range(held):
        is_oldest = np.int32(now - times[i]) == oldest
        place = np.int32(max(place, np.int32(i) if is_oldest else np.int32(0)))
        equals = np.int32(equals + is_oldest)
    if equals > 1:
        for i in range(held):
            if times[i] == times[place] and joined(low[i], high[i]) < joined(low[place], high[place]):
                place = np.int32(i)
    age = np.int32(now - np.int32(time))
    if age < oldest or (age == oldest and member > joined(low[place], high[place])):
        _set(entities, at, int(place), member, time)


@kernel
def forget(entities: Entities, at: int) -> None:
    """Forget members past the longest window; move the others out of a chunk that is mostly empty then."""
    now, capacity = np.int32(entities.words[at + NEWEST]), entities.halves[2 * at + SIZE] >> CAPACITY_BIT
    low, high, times, held = members_of(entities, at)
    kept = 0
    for i in range(held):
        if np.int32(now - times[i]) <= DAY_MS:
            low[kept], high[kept], times[kept] = low[i], high[i], times[i]
            kept += 1
    entities.halves[2 * at + SIZE] = kept | capacity << CAPACITY_BIT
    entities.halves[2 * at + SINCE] = now
    fitting = capacity
    while fitting > INLINE and kept * 4 <= fitting:
        fitting >>= 1
    if fitting < capacity:
        _resize(entities, at, fitting)


@kernel
def _resize(entities: Entities, at: int, capacity: int) -> None:
    """Move the members to a place for as many as ``capacity``."""
    old, old_capacity = entities.halves[2 * at + CHUNK], entities.halves[2 * at + SIZE] >> CAPACITY_BIT
    low, high, times, held = members_of(entities, at)
    chunk = _take(entities, capacity) if capacity > INLINE else 0
    new_low, new_high, new_times = _place(entities, at, chunk, capacity)
    for i in range(held):
        new_low[i], new_high[i], new_times[i] = low[i], high[i], times[i]
    if capacity > INLINE:  # not before, for it stands where a member did
        entities.halves[2 * at + CHUNK] = chunk
    if old_capacity > INLINE:
        _give(entities, old, old_capacity)
    entities.halves[2 * at + SIZE] = held | capacity << CAPACITY_BIT


@kernel
def release(entities: Entities, at: int) -> None:
    """Forget all of an entity."""
    capacity = entities.halves[2 * at + SIZE] >> CAPACITY_BIT
    if capacity > INLINE:
        _give(entities, entities.halves[2 * at + CHUNK], capacity)
    entities.halves[2 * at + SIZE] = 0


@kernel
def _take(entities: Entities, capacity: int) -> int:
    size_class = trailing_zeros(np.uint64(capacity // CHUNK_MIN))
    chunk = int(entities.free[size_class])
    if chunk >= 0:
        entities.free[size_class] = entities.pool[chunk * UNIT]
    else:
        chunk = int(entities.top[0])
        entities.top[0] += capacity // CHUNK_MIN
    return chunk


@kernel
def _give(entities: Entities, chunk: int, capacity: int) -> None:
    size_class = trailing_zeros(np.uint64(capacity // CHUNK_MIN))
    entities.pool[chunk * UNIT] = entities.free[size_class]
    entities.free[size_class] = chunk
