"""Where held events live: each account has a chunk of the log, which grows, moves down, shrinks and is given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from detector.contract.jit import kernel, part
from features.arrays import CAPACITY, CHUNK, CHUNK_MAX, CHUNK_MIN, HEAD, HELD

from .constants import FIELDS_32, FIELDS_64, STARTS, WINDOW_COUNT

if TYPE_CHECKING:
    from features.arrays import State

EVENT_WORDS: Final = FIELDS_64 + FIELDS_32 // 2
"""Words an event takes; the number of 4-byte fields is even."""


@part
def make_room(s: State, r: int) -> None:
    """See to it that the chunk has a place behind its last event: move down, into a larger or a smaller one."""
    h = 2 * r
    head, held, capacity = s.halves[h + HEAD], s.halves[h + HELD], s.halves[h + CAPACITY]
    if head + held >= capacity:
        _move_all(s, r, head, held, capacity)


@kernel
def _move_all(s: State, r: int, head: int, held: int, capacity: int) -> None:
    """Move the held events to the begin of a chunk that fits them."""
    h = 2 * r
    wanted = _fitting(held, capacity)
    old = s.words[r + CHUNK]
    new = old
    if wanted != capacity:
        new = take(s, wanted)
        s.words[r + CHUNK] = new
        s.halves[h + CAPACITY] = wanted
    for f in range(FIELDS_64):
        for i in range(held):
            s.log[new + f * wanted + i] = s.log[old + f * capacity + head + i]
    a, b = 2 * (new + FIELDS_64 * wanted), 2 * (old + FIELDS_64 * capacity)
    for f in range(FIELDS_32):
        for i in range(held):
            s.log_halves[a + f * wanted + i] = s.log_halves[b + f * capacity + head + i]
    if wanted != capacity and capacity > 0:
        give_back(s, old, capacity)
    for w in range(WINDOW_COUNT):
        s.shorts[4 * r + STARTS + w] -= head
    s.halves[h + HEAD] = 0


@kernel
def _fitting(held: int, capacity: int) -> int:
    """Return a capacity of which the held events take at most three quarters; the one there is, if it is near."""
    wanted = CHUNK_MIN
    while held * 4 > wanted * 3 and wanted < CHUNK_MAX:
        wanted = _larger(wanted)
    return capacity if wanted <= capacity <= 2 * wanted else wanted


@kernel
def _larger(capacity: int) -> int:
    """Return the next capacity: 4, 6, 8, 12, 16, 24, and so on."""
    return capacity + capacity // 2 if capacity & (capacity - 1) == 0 else capacity // 3 * 4


@kernel
def take(s: State, capacity: int) -> int:
    """Give a chunk, from the list of its size or from behind all others."""
    size = _size_class(capacity)
    chunk = s.free[size]
    if chunk >= 0:
        s.free[size] = s.log[chunk]
    else:
        chunk = s.top[0]
        s.top[0] += capacity * EVENT_WORDS
    return int(chunk)


@kernel
def give_back(s: State, chunk: int, capacity: int) -> None:
    """Put a chunk on the list of its size."""
    size = _size_class(capacity)
    s.log[chunk] = s.free[size]
    s.free[size] = chunk


@kernel
def _size_class(capacity: int) -> int:
    size, known = 0, CHUNK_MIN
    while known < capacity:
        known = _larger(known)
        size += 1
    return size
