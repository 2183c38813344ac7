"""Where held events live: each account has a chunk, which moves down, grows and shrinks as its events come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from detector.contract.jit import kernel, part
from features.arrays import CAPACITY, CHUNK, EVENTS, HEAD, HELD, HOME
from features.blocks import give_back, take

from .constants import FIELDS_32, FIELDS_64, RECORD, STARTS, WINDOW_COUNT

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
    owner = s.opened[r // RECORD] * HOME + EVENTS
    if wanted != capacity:
        take(s.log, s.blocks, wanted * EVENT_WORDS, s.homes, owner)
        new = s.homes[owner]
        s.halves[h + CAPACITY] = wanted
    for f in range(FIELDS_64):
        for i in range(held):
            s.log[new + f * wanted + i] = s.log[old + f * capacity + head + i]
    a, b = 2 * (new + FIELDS_64 * wanted), 2 * (old + FIELDS_64 * capacity)
    for f in range(FIELDS_32):
        for i in range(held):
            s.log_halves[a + f * wanted + i] = s.log_halves[b + f * capacity + head + i]
    if wanted != capacity and capacity > 0:
        give_back(s.log, s.blocks, old, s.homes)
    s.words[r + CHUNK] = s.homes[owner]  # the new one moves into the old one's place if both are of a size
    for w in range(WINDOW_COUNT):
        s.shorts[4 * r + STARTS + w] -= head
    s.halves[h + HEAD] = 0


@kernel
def _fitting(held: int, capacity: int) -> int:
    """Return a capacity with a fifth to spare for the held events; the one there is, if it is near."""
    wanted = held + max(2, held // 4)
    wanted += wanted & 1
    return capacity if wanted <= capacity <= wanted + wanted // 2 else wanted
