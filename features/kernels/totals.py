"""Running totals of windows: counts of bits, sums of values, histograms of categories, distinct keys.

All totals are integers, so that adding and subtracting an event is exact, in whatever order. Distinct counts: the last
event with a key carries a flag, and a window's distinct count is the number of flags in it, because every window ends
at the newest event: a flag is counted like any other bit. Entropy: the sum of c·log2 c over the bins is kept in units
of 2⁻²⁰.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.arrays import BITS, CHUNK, EVENT, HEAD, HELD, OTHER
from features.intrinsics import trailing_zeros

from .constants import (
    CATEGORY_KINDS,
    CATEGORY_MASKS,
    CATEGORY_PLACES,
    CATEGORY_SHIFTS,
    CATEGORY_STARTS,
    CATEGORY_SUMS,
    CLASS,
    COUNT_MASKS,
    COUNT_PLACES,
    FIELDS_64,
    KEY_COUNT,
    KEY_FIELDS,
    KEY_FLAGS,
    KEY_MASKS,
    STARTS,
    SUM_FIELDS,
    SUM_MASKS,
    SUM_PLACES,
    SUM_STARTS,
    WINDOW_COUNT,
)
from .life import C_LOG_C, count_life
from .reading import short

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.arrays import State

_ONE: Final = np.uint64(1)


@part
def count(s: State, r: int, capacity: int, i: int, w: int, sign: int) -> None:
    """Add the event at place i of the chunk to window w (sign 1), or subtract it (-1)."""
    chunk = s.words[r + CHUNK]
    small = 2 * (chunk + FIELDS_64 * capacity) + i
    q = 4 * r
    bits = np.uint64(s.log[chunk + BITS * capacity + i])
    left = bits & COUNT_MASKS[w]
    while left:
        s.shorts[q + COUNT_PLACES[w, trailing_zeros(left)]] += sign
        left &= left - _ONE
    for v in range(SUM_STARTS[w], SUM_STARTS[w + 1]):
        if bits & SUM_MASKS[v]:
            x = int(s.log_halves[small + SUM_FIELDS[v] * capacity])
            s.words[r + SUM_PLACES[v]] += sign * x
            s.words[r + SUM_PLACES[v] + 1] += sign * x * x
    for k in range(CATEGORY_STARTS[w], CATEGORY_STARTS[w + 1]):
        if bits & CATEGORY_MASKS[k]:
            category = (s.log_halves[small + CLASS * capacity] >> CATEGORY_SHIFTS[k]) & 255
            _count_category(s, r, k, q + CATEGORY_PLACES[k] + category, sign)


@part
def _count_category(s: State, r: int, k: int, place: int, sign: int) -> None:
    before = short(s.shorts, place)
    after = before + sign
    s.shorts[place] = after
    s.words[r + CATEGORY_SUMS[k]] += C_LOG_C[after] - C_LOG_C[before]
    s.shorts[4 * r + CATEGORY_KINDS[k]] += int(after > 0) - int(before > 0)


@part
def recount(s: State, r: int, capacity: int, i: int, sign: int) -> None:
    """Add the event at place i to its account's life and to every window that holds it, or subtract it."""
    count_life(s, r, capacity, i, sign)
    for w in range(WINDOW_COUNT):
        if s.shorts[4 * r + STARTS + w] <= i:
            count(s, r, capacity, i, w, sign)


@part
def mark_last(s: State, r: int, capacity: int, place: int) -> None:
    """Move the flags of the keys of the event at ``place`` to it, where it is a key's last event now."""
    chunk, head = s.words[r + CHUNK], int(s.halves[2 * r + HEAD])
    end = head + s.halves[2 * r + HELD]
    bits = s.log[chunk + BITS * capacity : chunk + BITS * capacity + end]
    small = 2 * (chunk + FIELDS_64 * capacity)
    for k in range(KEY_COUNT):
        if not np.uint64(bits[place]) & KEY_MASKS[k] or np.uint64(bits[place]) & KEY_FLAGS[k]:
            continue
        if KEY_FIELDS[k] < 0:
            others = s.log[chunk + OTHER * capacity : chunk + OTHER * capacity + end]
            if others[place] != 0:
                _mark(s, r, capacity, k, place, _flagged(others, bits, head, others[place], KEY_FLAGS[k]))
        else:
            first = small + KEY_FIELDS[k] * capacity
            keys = s.log_halves[first : first + end]
            if keys[place] != 0:
                _mark(s, r, capacity, k, place, _flagged(keys, bits, head, keys[place], KEY_FLAGS[k]))


@part
def _flagged(keys: NDArray[Any], bits: NDArray[np.int64], head: int, key: int, flag: np.uint64) -> int:
    """Return the place of the event that carries a key's flag, or -1."""
    end = keys.shape[0]
    while end > head:
        end = find_last(keys, head, end, key)
        if end < 0:
            return -1
        if np.uint64(bits[end]) & flag:
            return end
    return -1


@part
def _mark(s: State, r: int, capacity: int, k: int, place: int, flagged: int) -> None:
    if flagged > place:
        return
    bits = s.words[r + CHUNK] + BITS * capacity
    if flagged >= 0:
        s.log[bits + flagged] &= ~np.int64(KEY_FLAGS[k])
    s.log[bits + place] |= np.int64(KEY_FLAGS[k])
    bit = trailing_zeros(KEY_FLAGS[k])
    for w in range(WINDOW_COUNT):
        start = s.shorts[4 * r + STARTS + w]
        if flagged < start <= place and COUNT_MASKS[w] & KEY_FLAGS[k]:
            s.shorts[4 * r + COUNT_PLACES[w, bit]] += 1


@kernel
def remark(s: State, r: int, capacity: int, place: int, before: np.uint64) -> None:
    """Move the flags of the keys of an event whose bits were ``before``; it is counted with its bits as they are."""
    bits = np.uint64(s.log[s.words[r + CHUNK] + BITS * capacity + place])
    for k in range(KEY_COUNT):
        held, holds = before & KEY_MASKS[k] != 0, bits & KEY_MASKS[k] != 0
        if held and not holds and bits & KEY_FLAGS[k]:
            _pass_on(s, r, capacity, k, place)
    if bits & ~before:
        mark_last(s, r, capacity, place)


@kernel
def _pass_on(s: State, r: int, capacity: int, k: int, place: int) -> None:
    """Take the flag of a key from an event that no longer has it, and give it to the one before."""
    chunk, head = s.words[r + CHUNK], int(s.halves[2 * r + HEAD])
    bits = chunk + BITS * capacity
    field = 2 * (chunk + FIELDS_64 * capacity) + KEY_FIELDS[k] * capacity
    heir = place - 1
    while heir >= head:
        same = (
            s.log[chunk + OTHER * capacity + heir] == s.log[chunk + OTHER * capacity + place]
            if KEY_FIELDS[k] < 0
            else s.log_halves[field + heir] == s.log_halves[field + place]
        )
        if same and np.uint64(s.log[bits + heir]) & KEY_MASKS[k]:
            break
        heir -= 1
    s.log[bits + place] &= ~np.int64(KEY_FLAGS[k])
    if heir >= head:
        s.log[bits + heir] |= np.int64(KEY_FLAGS[k])
    bit = trailing_zeros(KEY_FLAGS[k])
    for w in range(WINDOW_COUNT):
        start = s.shorts[4 * r + STARTS + w]
        if COUNT_MASKS[w] & KEY_FLAGS[k] and heir < start <= place:
            s.shorts[4 * r + COUNT_PLACES[w, bit]] -= 1


@part
def find_last(keys: NDArray[Any], start: int, end: int, key: int) -> int:
    """Return the last place of a key in [start, end), or -1. Blocks without an exit inside become SIMD compares."""
    while end - start >= 16:
        found, block = False, keys[end - 16 : end]
        for i in range(16):
            found |= block[i] == key
        if found:
            break
        end -= 16
    for i in range(end - 1, start - 1, -1):
        if keys[i] == key:
            return i
    return -1


@part
def is_held(s: State, r: int, capacity: int, event: int) -> bool:
    """Say whether the account holds this event."""
    events = s.words[r + CHUNK] + EVENT * capacity
    head = int(s.halves[2 * r + HEAD])
    held = s.halves[2 * r + HELD]
    return find_last(s.log[events : events + head + held], head, head + held, event) >= 0
