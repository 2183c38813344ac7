"""Opening and packing records: what an account is known by, in a third of the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.arrays import BLANK, DIFFERS, DRAFT, EVENTS, HOME, LATEST, NO_TIME, PACKED, ROW, ROWS
from features.blocks import give_back, size_at, take
from features.intrinsics import ones, prefetch, trailing_zeros

from .constants import RECORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.arrays import State

MASK: Final = RECORD // 32
"""Words of the mask a packed record begins with."""
_SPARE: Final = 8
"""A packed record keeps its block while no more words of it are spare."""
_ONE: Final = np.uint64(1)
_SPREAD: Final = np.uint64(2**48 + 2**33 + 2**18 + 2**3)
_HIGHEST: Final = np.uint64(48)
_FOUR: Final = np.uint64(15)
_LINE: Final = 8
_AHEAD: Final = 8
"""How many accounts ahead memory is fetched."""
_WORDS_MAX: Final = 512
"""No more of a block is fetched."""


@part
def fetch(s: State, slots: NDArray[np.int64], at: int) -> None:
    """Fetch what the accounts some places ahead will need."""
    if at + 3 * _AHEAD < slots.shape[0]:
        prefetch(s.homes, slots[at + 3 * _AHEAD] * HOME)
        _fetch_block(s, s.homes[slots[at + 2 * _AHEAD] * HOME + PACKED])
        _fetch_block(s, s.homes[slots[at + _AHEAD] * HOME + EVENTS])
        closing = s.opened[(s.opened[ROWS] + _AHEAD) % ROWS]
        if closing >= 0:
            _fetch_block(s, s.homes[closing * HOME + PACKED])


@part
def open_record(s: State, slot: int) -> int:
    """Say where an account's record lies open; there is room for a block, for the one it takes the row of."""
    home = slot * HOME
    if s.homes[home + ROW] < 0:
        row = s.opened[ROWS]
        close(s, row)
        s.opened[ROWS] = (row + 1) % ROWS
        s.opened[row] = slot
        s.homes[home + ROW] = row
        _unpack(s, s.homes[home + PACKED], s.words, s.halves, row * RECORD)
    return int(s.homes[home + ROW]) * RECORD


@part
def close(s: State, row: int) -> None:
    """Pack the record that lies open in a row, if any; there is room for a block."""
    if s.opened[row] < 0:
        return
    home, draft = s.opened[row] * HOME, DRAFT * RECORD
    words = _pack(s, row * RECORD, draft)
    _fit_packed(s, home + PACKED, words)
    place = s.homes[home + PACKED]
    for w in range(words):
        s.log[place + w] = s.words[draft + w]
    s.homes[home + ROW] = -1
    s.opened[row] = -1


@part
def _fit_packed(s: State, owner: int, words: int) -> None:
    """See to it that a packed record has a block of a size near its own."""
    place = s.homes[owner]
    size = size_at(s.blocks, place) if place >= 0 else 0
    if words <= size <= words + _SPARE:
        return
    if place >= 0:
        give_back(s.log, s.blocks, place, s.homes)
    take(s.log, s.blocks, words, s.homes, owner)


@part
def _pack(s: State, r: int, draft: int) -> int:
    """Pack an open record into the words from ``draft`` on; return how many."""
    _compare(s.halves, 2 * r, s.shorts)
    _write_mask(s.words, draft)
    n = 2 * (draft + MASK)
    for m in range(MASK):
        left, first = np.uint64(s.words[draft + m]), np.uint64(2 * r + 64 * m)
        count = ones(left)
        for i in range(count):
            s.halves[np.uint64(n + i)] = s.halves[first + np.uint64(trailing_zeros(left))]
            left &= left - _ONE
        n += count
    s.halves[n] = 0
    return (n + 1) // 2 - draft


@kernel
def _compare(halves: NDArray[np.int32], h: int, shorts: NDArray[np.uint16]) -> None:
    """Say of each half, 1 or 0, whether it is not as in the blank record; as it stands alone it becomes SIMD."""
    for i in range(2 * RECORD):
        shorts[4 * DIFFERS * RECORD + i] = np.uint16(halves[h + i] != halves[2 * BLANK * RECORD + i])


@kernel
def _write_mask(words: NDArray[np.int64], draft: int) -> None:
    """Gather those ones and noughts, four at a time: the product has each one's bit in its highest short."""
    for m in range(MASK):
        mask = np.uint64(0)
        for g in range(16):
            four = np.uint64(words[DIFFERS * RECORD + 16 * m + g])
            mask |= ((four * _SPREAD) >> _HIGHEST & _FOUR) << np.uint64(4 * g)
        words[draft + m] = np.int64(mask)


@part
def copy_record(s: State, slot: int, words: NDArray[np.int64], halves: NDArray[np.int32], r: int) -> None:
    """Write an account's record to some words from r on."""
    row = s.homes[slot * HOME + ROW]
    if row < 0:
        _unpack(s, s.homes[slot * HOME + PACKED], words, halves, r)
        return
    _copy(s.words, row * RECORD, words, r)


@part
def _unpack(s: State, place: int, words: NDArray[np.int64], halves: NDArray[np.int32], r: int) -> None:
    """Write the record that lies packed at a place (-1: the blank one) to where it lies open."""
    _copy(s.words, BLANK * RECORD, words, r)
    if place >= 0:
        _write_values(s.log, s.log_halves, place, halves, 2 * r)


@kernel
def _copy(source: NDArray[np.int64], start: int, words: NDArray[np.int64], r: int) -> None:
    for w in range(RECORD):
        words[r + w] = source[start + w]


@kernel
def _write_values(
    log: NDArray[np.int64], log_halves: NDArray[np.int32], place: int, halves: NDArray[np.int32], h: int
) -> None:
    n = 2 * (place + MASK)
    for m in range(MASK):
        left, first = np.uint64(log[place + m]), np.uint64(h + 64 * m)
        count = ones(left)
        for i in range(count):
            halves[first + np.uint64(trailing_zeros(left))] = log_halves[np.uint64(n + i)]
            left &= left - _ONE
        n += count


@kernel
def packed_words(s: State, place: int) -> int:
    """Return how many words the record packed at a place takes."""
    values = 0
    for m in range(MASK):
        values += ones(np.uint64(s.log[place + m]))
    return MASK + (values + 1) // 2


@kernel
def half_of(s: State, place: int, half: int) -> int:
    """Read a half of the record packed at a place."""
    n = 2 * (place + MASK)
    for m in range(half >> 6):
        n += ones(np.uint64(s.log[place + m]))
    mask, bit = np.uint64(s.log[place + (half >> 6)]), _ONE << np.uint64(half & 63)
    if not mask & bit:
        return np.int64(s.halves[2 * BLANK * RECORD + half])  # type: ignore[return-value]
    return np.int64(s.log_halves[n + ones(mask & (bit - _ONE))])  # type: ignore[return-value]


@kernel
def latest_of(s: State, slot: int) -> int:
    """Read the time of an account's newest event of any sort."""
    row, place = s.homes[slot * HOME + ROW], s.homes[slot * HOME + PACKED]
    if row >= 0:
        return int(s.words[row * RECORD + LATEST])
    if place < 0:
        return NO_TIME
    low, high = half_of(s, place, 2 * LATEST), half_of(s, place, 2 * LATEST + 1)
    return (high << 32) | (low & 0xFFFFFFFF)


@kernel
def forget_account(s: State, slot: int) -> None:
    """Forget the account in a slot."""
    home = slot * HOME
    if s.homes[home + ROW] >= 0:
        s.opened[s.homes[home + ROW]] = -1
        s.homes[home + ROW] = -1
    for kind in (PACKED, EVENTS):
        place = s.homes[home + kind]
        if place >= 0:
            give_back(s.log, s.blocks, place, s.homes)
        s.homes[home + kind] = -1


@part
def _fetch_block(s: State, place: int) -> None:
    if place >= 0:
        for i in range(0, min(size_at(s.blocks, place), _WORDS_MAX), _LINE):
            prefetch(s.log, place + i)
