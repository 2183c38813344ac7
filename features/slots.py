"""Which slot of the arrays a key has: an open-addressing hash table over 64-bit keys.

A place of the table holds a slot and the upper half of its key's hash, so a place of another key is seen as such
without a look at the key, and the table grows without one. What a batch will touch is fetched some rows ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import inlined, kernel
from features.intrinsics import prefetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EMPTY: Final = np.uint64(2**64 - 1)
_HALF: Final = np.uint64(32)
_LOWER: Final = np.uint64(2**32 - 1)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, 2⁶⁴ through the golden ratio: near keys come far apart
_FAR, _NEAR = 12, 6  # rows ahead: for the table, and then for the key a place of it points to

_TOP, _FREE, _HELD = 0, 1, 2
"""Places of a table's counts: slots ever given, the last slot that was freed (-1: none) and keys held."""


class SlotTable:
    """Gives every key a slot of its own when it is first seen: one that was freed if there is any, else the next."""

    def __init__(self) -> None:
        self._table = np.full(64, _EMPTY, np.uint64)
        self._keys = np.zeros(32, np.uint64)
        self._counts = np.array([0, -1, 0])

    def __len__(self) -> int:
        """Return the number of keys held."""
        return int(self._counts[_HELD])

    @property
    def top(self) -> int:
        """The number of slots ever given: arrays indexed by slot need this many rows."""
        return int(self._counts[_TOP])

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._table.nbytes + self._keys.nbytes

    def keys_of(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Copy the keys of slots that have one."""
        return self._keys[slots]

    def slots(self) -> NDArray[np.int64]:
        """Return the slots that have a key, in order; all below `top` unless some were removed."""
        held = np.ones(self.top, np.bool_)
        _mark_free(self._keys, self._counts[_FREE], held)
        return np.flatnonzero(held)

    def find_or_add(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the slot of each key."""
        slots = np.empty(len(keys), np.int64)
        row = _find_or_add(self._table, self._keys, self._counts, keys, slots, 0)
        while row < len(keys):
            self._grow()
            row = _find_or_add(self._table, self._keys, self._counts, keys, slots, row)
        return slots

    def remove(self, slots: NDArray[np.int64]) -> None:
        """Forget the keys of these slots, each given once; the slots go to keys that come later."""
        _remove(self._table, self._keys, self._counts, slots)

    def _grow(self) -> None:
        more = np.zeros(len(self._keys) // 4 + 8, np.uint64)
        self._keys = np.concatenate([self._keys, more])
        if len(self._keys) * 2 > len(self._table):  # fuller than half, looking gets slower
            table = np.full(len(self._keys) * 5 // 2, _EMPTY, np.uint64)
            _move(self._table, table)
            self._table = table


@inlined
def _hash(key: np.uint64) -> np.uint64:
    return key * _SPREAD


@inlined
def _home(table: NDArray[np.uint64], entry: np.uint64) -> int:
    """Return the place an entry, or a hash, wants: in the order of hashes, so that moving to a new table is local."""
    return np.int64(((entry >> _HALF) * np.uint64(table.shape[0])) >> _HALF)  # type: ignore[return-value]


@kernel
def _next(table: NDArray[np.uint64], place: int) -> int:
    return place + 1 if place + 1 < table.shape[0] else 0


@kernel
def _find_or_add(
    table: NDArray[np.uint64],
    known: NDArray[np.uint64],
    counts: NDArray[np.int64],
    keys: NDArray[np.uint64],
    slots: NDArray[np.int64],
    row: int,
) -> int:
    """Find the slots of keys from a row on; return the row that found no room, or their number."""
    rows, size = keys.shape[0], table.shape[0]
    while row < rows:
        if row + _FAR < rows:
            prefetch(table, _home(table, _hash(keys[row + _FAR])))
            prefetch(known, np.int64(table[_home(table, _hash(keys[row + _NEAR]))] & _LOWER))
        h = _hash(keys[row])
        place = _home(table, h)
        entry = table[place]
        while entry != _EMPTY and ((entry ^ h) >> _HALF != 0 or known[np.int64(entry & _LOWER)] != keys[row]):
            place += 1
            if place == size:
                place = 0
            entry = table[place]
        if entry == _EMPTY:
            slot = _take(known, counts)
            if slot < 0:
                return row
            known[slot] = keys[row]
            entry = h & ~_LOWER | np.uint64(slot)
            table[place] = entry
        slots[row] = np.int64(entry & _LOWER)
        row += 1
    return row


@kernel
def _take(known: NDArray[np.uint64], counts: NDArray[np.int64]) -> np.int64:
    """Take a free slot, or -1. Free slots are a list that runs through their keys."""
    slot: np.int64 = counts[_FREE]
    if slot >= 0:
        counts[_FREE] = np.int64(known[slot])
    elif counts[_TOP] < known.shape[0]:
        slot = counts[_TOP]
        counts[_TOP] += 1
    else:
        return np.int64(-1)
    counts[_HELD] += 1
    return slot


@kernel
def _remove(
    table: NDArray[np.uint64], known: NDArray[np.uint64], counts: NDArray[np.int64], slots: NDArray[np.int64]
) -> None:
    for slot in slots:
        h = _hash(known[slot])
        place = _home(table, h)
        while table[place] & _LOWER != np.uint64(slot):
            place = _next(table, place)
        _close_gap(table, place)
        known[slot] = np.uint64(counts[_FREE])
        counts[_FREE] = slot
        counts[_HELD] -= 1


@kernel
def _close_gap(table: NDArray[np.uint64], gap: int) -> None:
    """Empty a place, moving up those behind it that would not be found past it."""
    size, place = table.shape[0], _next(table, gap)
    while table[place] != _EMPTY:
        home = _home(table, table[place])
        if (place - home) % size >= (place - gap) % size:
            table[gap] = table[place]
            gap = place
        place = _next(table, place)
    table[gap] = _EMPTY


@kernel
def _move(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> None:
    for entry in old:
        if entry != _EMPTY:
            place = _home(new, entry)
            while new[place] != _EMPTY:
                place = _next(new, place)
            new[place] = entry


@kernel
def _mark_free(known: NDArray[np.uint64], slot: np.int64, held: NDArray[np.bool_]) -> None:
    while slot >= 0:
        held[slot] = False
        slot = np.int64(known[slot])
