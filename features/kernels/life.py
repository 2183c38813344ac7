"""What is counted for an account's whole life: an event adds to it once, and stays when it is no longer held.

While it is held, what a late event changes is subtracted and added anew, as for windows. The bins of a histogram are
small counts: when one is full all are halved, so that it goes on to tell shares apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.arrays import BITS, CHUNK, HELD_MAX, TS
from features.intrinsics import trailing_zeros
from features.places import PACES, pace_of

from .constants import (
    CLASS,
    FIELDS_64,
    GAP,
    LIFE_BINS_CATEGORIES,
    LIFE_BINS_COUNT,
    LIFE_BINS_MASKS,
    LIFE_BINS_PLACES,
    LIFE_BINS_SIZES,
    LIFE_BINS_WORDS,
    LIFE_COUNT_PLACES,
    LIFE_COUNTS,
    LIFE_SUM_COUNT,
    LIFE_SUM_MASKS,
    LIFE_SUM_PLACES,
)
from .reading import short

if TYPE_CHECKING:
    from features.arrays import State

_COUNTS: Final = np.arange(HELD_MAX + 2)
C_LOG_C: Final = np.rint(_COUNTS * np.log2(np.maximum(_COUNTS, 1)) * 2**20).astype(np.int64)
"""c·log2 c in units of 2⁻²⁰, for every count a window can have."""
_FULL: Final = 65535
_ONE: Final = np.uint64(1)


@part
def count_life(s: State, r: int, capacity: int, i: int, sign: int) -> None:
    """Add the event at place i of the chunk to the account's life (sign 1), or take it back (-1)."""
    chunk = s.words[r + CHUNK]
    bits = np.uint64(s.log[chunk + BITS * capacity + i])
    left = bits & LIFE_COUNTS
    while left:
        s.words[r + LIFE_COUNT_PLACES[trailing_zeros(left)]] += sign
        left &= left - _ONE
    small = 2 * (chunk + FIELDS_64 * capacity) + i
    gap = int(s.log_halves[small + GAP * capacity]) if GAP >= 0 else -1
    for v in range(LIFE_SUM_COUNT):
        if bits & LIFE_SUM_MASKS[v]:
            x = _doublings(gap)
            s.words[r + LIFE_SUM_PLACES[v]] += sign * x
            s.words[r + LIFE_SUM_PLACES[v] + 1] += sign * x * x
    classes = int(s.log_halves[small + CLASS * capacity]) if CLASS >= 0 else 0
    for k in range(LIFE_BINS_COUNT):
        if bits & LIFE_BINS_MASKS[k]:
            ts = s.log[chunk + TS * capacity + i]
            _count_bin(s, r, k, _category(LIFE_BINS_CATEGORIES[k], ts, gap, classes), sign)


@part
def _doublings(gap_ms: int) -> int:
    """Return log2 of a gap in seconds, in 1024ths; none is shorter than 1 ms."""
    return int(np.rint(1024 * np.log2(max(gap_ms, 1) / 1000)))


@part
def _category(code: int, ts: int, gap: int, classes: int) -> int:
    """Return the bin of an event in a histogram of `vocabulary.LIFE_CATEGORIES`."""
    if code == 0:
        return classes & 255
    if code == 1:
        return (classes >> 16) & 255
    if code == 2:
        return (ts // 2_000) % 30
    if code == 3:
        return (ts // 120_000) % 30
    return ((classes >> 27) & 7) * PACES + pace_of(gap)


@part
def _count_bin(s: State, r: int, k: int, category: int, sign: int) -> None:
    first, words = 4 * r + LIFE_BINS_PLACES[k], r + LIFE_BINS_WORDS[k]
    before = short(s.shorts, first + category)
    if before == _FULL and sign > 0:
        _halve(s, first, words, LIFE_BINS_SIZES[k])
        before = short(s.shorts, first + category)
    after = max(before + sign, 0)
    s.shorts[first + category] = after
    s.words[words] += after - before
    s.words[words + 1] += after * after - before * before
    s.words[words + 2] += _c_log_c(after) - _c_log_c(before)


@kernel
def _halve(s: State, first: int, words: int, size: int) -> None:
    s.words[words], s.words[words + 1], s.words[words + 2] = 0, 0, 0
    for place in range(first, first + size):
        c = short(s.shorts, place) // 2
        s.shorts[place] = c
        s.words[words] += c
        s.words[words + 1] += c * c
        s.words[words + 2] += _c_log_c(c)


@part
def _c_log_c(c: int) -> int:
    return C_LOG_C[c] if c < len(C_LOG_C) else int(np.rint(c * np.log2(c) * 2**20))
