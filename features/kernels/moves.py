"""Copying accounts out of a state and into another, wherever they lie in either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.contract.jit import kernel, part
from features.arrays import CAPACITY, EVENTS, HOME, PACKED, ROW
from features.blocks import has_room, take

from .chunks import EVENT_WORDS
from .constants import RECORD
from .records import close, copy_record, forget_account, half_of, packed_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.arrays import State


@kernel
def close_all(s: State, slots: NDArray[np.int64]) -> bool:
    """Pack the records of accounts; return whether all are (if not, the blocks need room)."""
    for slot in slots:
        if not has_room(s.blocks):
            return False
        row = s.homes[slot * HOME + ROW]
        if row >= 0:
            close(s, row)
    return True


@kernel
def measure(s: State, slots: NDArray[np.int64], sizes: NDArray[np.int32]) -> None:
    """Say how many words each account's record, which is packed, and its chunk take, shape (k, 2)."""
    for i in range(slots.shape[0]):
        place = s.homes[slots[i] * HOME + PACKED]
        sizes[i, 0] = packed_words(s, place) if place >= 0 else 0
        sizes[i, 1] = half_of(s, place, CAPACITY) * EVENT_WORDS if place >= 0 else 0


@kernel
def copy_out(
    s: State, slots: NDArray[np.int64], sizes: NDArray[np.int32], records: NDArray[np.int64], log: NDArray[np.int64]
) -> None:
    """Copy packed records and chunks, of the sizes `measure` said, one behind the other."""
    of_records, of_log = 0, 0
    for i in range(slots.shape[0]):
        home = slots[i] * HOME
        _copy(s.log, s.homes[home + PACKED], records, of_records, sizes[i, 0])
        _copy(s.log, s.homes[home + EVENTS], log, of_log, sizes[i, 1])
        of_records += sizes[i, 0]
        of_log += sizes[i, 1]


@kernel
def copy_in(
    s: State,
    slots: NDArray[np.int64],
    sizes: NDArray[np.int32],
    records: NDArray[np.int64],
    log: NDArray[np.int64],
    cursor: NDArray[np.int64],
) -> bool:
    """Take in what `copy_out` gave; return whether all is (if not, the blocks need room).

    The cursor, shape (3,), says how many accounts, and words of each array, are taken in.
    """
    for i in range(cursor[0], slots.shape[0]):
        home = slots[i] * HOME
        forget_account(s, slots[i])
        for kind in (PACKED, EVENTS):
            if sizes[i, kind] == 0:
                continue
            if not has_room(s.blocks):
                return False
            take(s.log, s.blocks, sizes[i, kind], s.homes, home + kind)
            source = records if kind == PACKED else log
            _copy(source, cursor[1 + kind], s.log, s.homes[home + kind], sizes[i, kind])
        cursor[0] = i + 1
        cursor[1] += sizes[i, 0]
        cursor[2] += sizes[i, 1]
    return True


@kernel
def open_records(s: State, slots: NDArray[np.int64], words: NDArray[np.int64], halves: NDArray[np.int32]) -> None:
    """Write the records of accounts one behind the other."""
    for i in range(slots.shape[0]):
        copy_record(s, slots[i], words, halves, i * RECORD)


@kernel
def forget_all(s: State, slots: NDArray[np.int64]) -> None:
    """Forget the accounts in these slots."""
    for slot in slots:
        forget_account(s, slot)


@part
def _copy(source: NDArray[np.int64], start: int, to: NDArray[np.int64], at: int, words: int) -> None:
    for w in range(words):
        to[at + w] = source[start + w]
