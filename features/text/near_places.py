"""Where what is known of leaders is kept: records, signatures, bands, pairs and examples, all of fixed size.

A leader is the first text of a group of near duplicates, and its slot the number of its record. A band entry leads from
a few components of a signature to a slot; a pair says that a leader has a sender. Neither is taken out when a leader
goes: an entry is only a guess that the signatures then confirm, and a pair knows which leader of its slot it was for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed
from features.intrinsics import ones
from features.text.signatures import BIT_WORDS, COMPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.int64]
    Halves = NDArray[np.int32]

HOUR_MS: Final = 3_600_000

SIGNATURE: Final = 8
"""Words of a stored signature: a byte of each component."""
RECORD: Final = 8
"""Words of a record: one cache line."""
ID, FIRST, LAST, SENDER = 0, 1, 2, 3
"""Words of a record: id (0: the slot is free), first and last seen in event time, the first sender. SENDER of a free
slot is the next free one, or -1."""
COUNT, SENDERS, JOINED, BEFORE, HOUR, EXAMPLE, SIZE, LIFE = 8, 9, 10, 11, 12, 13, 14, 15
"""Halves of a record: messages; distinct senders; those that joined in the hour, and in the hour before it; the hour;
the place of the example and one, or 0; the size; and the life."""
WORDS_BIT, LETTERS_BIT = 22, 10
WORDS_CAP, LETTERS_CAP, CLOSENESS_ONE = (1 << 9) - 1, (1 << 12) - 1, (1 << 10) - 1
"""A size: words of the first text, its letters, and how much like it the others are, in parts of `CLOSENESS_ONE`."""
GENERATION: Final = 0xFFF
"""Bits of a life that say which leader of its slot it is; above them is the credit."""
CREDIT_BIT, CREDIT_MAX = 12, 7

SLOTS_MAX: Final = (1 << 20) - 1
TAG: Final = np.uint32(0x7FF00000)
STICKY: Final = np.uint32(0x80000000)
SLOT: Final = np.uint32(0x000FFFFF)
"""Parts of a band entry: the slot and one, bits of the band's hash, and whether its leader has several senders."""

LINE: Final = 8
"""Pairs in a cache line: a pair can be in one line only."""
EXACT_MAX: Final = 4096
"""Senders are counted exactly up to here, and then by a sample that halves whenever the count doubles."""
EXAMPLE_BYTES: Final = 256

RECORD_CHANGED, LEADER_CHANGED = 1, 2

HAND, SWEEP, TOP, FREE, HELD, NEXT_EXAMPLE, EVICTED, LOST = range(8)
COUNTERS: Final = 8
"""Where the hand that evicts and the one that sweeps are; slots ever used; the first of the free ones, or -1; leaders
held; where the next example goes; leaders evicted for room; pairs that were."""

_BITS: Final = BIT_WORDS * 64
_BITS_MAX: Final = _BITS * 7 // 8
"""With more bits set than this (some 1,000 shingles of both texts together) components tell more."""
_SHINGLES: Final = -_BITS * np.log1p(-np.arange(_BITS_MAX + 1) / _BITS)
"""How many shingles so many bits stand for."""
_ROUND: Final = 0.5
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_SEVENS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_SLOT_SHIFT: Final = np.uint64(44)


class Untold(NamedTuple):
    """What changed since it was last told (`near_told`)."""

    leaders: NDArray[np.uint8]
    """(slots,): `RECORD_CHANGED`, or `LEADER_CHANGED` if its signature and bits did too."""
    lines: NDArray[np.bool_]
    examples: NDArray[np.bool_]
    entries: NDArray[np.uint32]
    """(at least counted + `BANDS_OF_SHORT` for each row to come,): places in ``bands``, the first ``counted`` of them;
    some come again."""
    counted: Words
    """(1,)."""
    passed_over: NDArray[np.bool_]
    """(1,): whether entries changed that are not among them."""


class Leaders(NamedTuple):
    """The arrays; halves are the records again, by halves of words."""

    words: Words
    """(slots · RECORD,)."""
    halves: Halves
    signatures: NDArray[np.uint64]
    """(slots · SIGNATURE,)."""
    bits: NDArray[np.uint64]
    """(slots · BIT_WORDS,): of the shingles."""
    bands: NDArray[np.uint32]
    """(bands · places,): entries, 0 where there is none."""
    pairs: NDArray[np.uint64]
    """(lines · LINE,): slot and one, generation, hash of the sender, or 0; the oldest of a line is first."""
    examples: NDArray[np.uint8]
    """(examples · EXAMPLE_BYTES,)."""
    example_of: Words
    """(examples, 2): the leader's id and the bytes used, one after another."""
    counters: Words
    """(COUNTERS,)."""
    untold: Untold


@kernel
def similarity_by_bits(bits: NDArray[np.uint64], at: int, others: NDArray[np.uint64], other: int) -> int:
    """Estimate how much two texts share from the bits of their shingles; -1 if these are too many, or none."""
    one, two, either = 0, 0, 0
    for i in range(BIT_WORDS):
        one += ones(bits[at + i])
        two += ones(others[other + i])
        either += ones(bits[at + i] | others[other + i])
    if either == 0 or either > _BITS_MAX:
        return -1
    union = _SHINGLES[either]
    return max(0, int(CLOSENESS_ONE * (_SHINGLES[one] + _SHINGLES[two] - union) / union + _ROUND))


@inlined
def similarity_by_components(signatures: NDArray[np.uint64], at: int, others: NDArray[np.uint64], other: int) -> int:
    """Estimate how much two texts share from the components in which their stored signatures are equal."""
    equal = 0
    for i in range(SIGNATURE):
        x = signatures[at + i] ^ others[other + i]
        equal += ones(~(((x & _SEVENS) + _SEVENS) | x | _SEVENS))  # a bit for each byte that is 0
    return equal * CLOSENESS_ONE // COMPONENTS


@inlined
def generation(leaders: Leaders, slot: int) -> int:
    """Return which leader of its slot this is."""
    return int(leaders.halves[slot * 2 * RECORD + LIFE]) & GENERATION


@inlined
def is_grown(leaders: Leaders, slot: int) -> bool:
    """Tell whether the slot has a leader with several senders."""
    return bool(leaders.words[slot * RECORD + ID] != 0 and leaders.halves[slot * 2 * RECORD + SENDERS] > 1)


@inlined
def letters_of(leaders: Leaders, slot: int) -> int:
    """Return the letters of a leader, up to `LETTERS_CAP`."""
    return int(leaders.halves[slot * 2 * RECORD + SIZE] >> LETTERS_BIT) & LETTERS_CAP


@kernel
def take(leaders: Leaders) -> int:
    """Take a slot: a free one, or that of the next leader under the hand without credit."""
    counters, slot = leaders.counters, int(leaders.counters[FREE])
    if slot >= 0:
        counters[FREE] = leaders.words[slot * RECORD + SENDER]
        return slot
    slots = leaders.words.shape[0] // RECORD
    if counters[TOP] < slots:
        counters[TOP] += 1
        return int(counters[TOP]) - 1
    while True:
        slot = int(counters[HAND])
        counters[HAND] = slot + 1 if slot + 1 < slots else 0
        life = slot * 2 * RECORD + LIFE
        if leaders.halves[life] >> CREDIT_BIT == 0:
            free(leaders, slot)
            counters[EVICTED] += 1
            return slot
        leaders.halves[life] -= 1 << CREDIT_BIT
        leaders.untold.leaders[slot] |= RECORD_CHANGED


@kernel
def free(leaders: Leaders, slot: int) -> None:
    """Forget a leader; its slot is the caller's."""
    halves = leaders.halves[slot * 2 * RECORD : (slot + 1) * 2 * RECORD]
    next_generation = (halves[LIFE] + 1) & GENERATION
    halves[:] = 0
    halves[LIFE] = next_generation
    leaders.counters[HELD] -= 1
    leaders.untold.leaders[slot] |= RECORD_CHANGED


@inlined
def lead(leaders: Leaders, place: int, entry: np.uint32) -> None:
    """Have a place in the bands hold an entry."""
    if leaders.bands[place] != entry:
        leaders.bands[place] = entry
        leaders.untold.entries[leaders.untold.counted[0]] = np.uint32(place)
        leaders.untold.counted[0] += 1


@inlined
def _line(leaders: Leaders, pair: np.uint64) -> int:
    lines = np.uint64(leaders.pairs.shape[0] // LINE)
    return signed((((pair * _SPREAD) >> _HALF) * lines) >> _HALF) * LINE


@inlined
def pair_of(leaders: Leaders, slot: int, sender: int) -> np.uint64:
    """Return the pair of a leader and a sender."""
    hashed = (np.uint64(sender) ^ (np.uint64(sender) >> _HALF)) * _SPREAD
    owner = np.uint64(slot + 1) << _SLOT_SHIFT | np.uint64(generation(leaders, slot)) << _HALF
    return owner | (hashed >> _HALF)


@kernel
def add_sender(leaders: Leaders, slot: int, sender: int) -> int:
    """Note who sent a message of a leader; return by how many its distinct senders become more.

    Beyond `EXACT_MAX` only senders are noted whose hash ends in as many zeros as the count has doubled, and each
    stands for as many as were passed over: at 4,096 · 2ᵐ the standard error is 1.3 % (M. Wegman's adaptive sampling,
    P. Flajolet, "On adaptive sampling", 1990, with the count carried on instead of recounted).
    """
    if leaders.words[slot * RECORD + SENDER] == sender:
        return 0
    level, count = 0, leaders.halves[slot * 2 * RECORD + SENDERS] // EXACT_MAX
    while count > 0:
        level, count = level + 1, count >> 1
    pair = pair_of(leaders, slot, sender)
    if pair & np.uint64((1 << level) - 1) != 0 or _holds(leaders, pair):
        return 0
    return 1 << level


@kernel
def _holds(leaders: Leaders, pair: np.uint64) -> bool:
    """Tell whether a pair is held, and hold it from now on."""
    start = _line(leaders, pair)
    line = leaders.pairs[start : start + LINE]
    for i in range(LINE):
        if line[i] == pair:
            return True
        if line[i] == 0:
            line[i] = pair
            leaders.untold.lines[start // LINE] = True
            return False
    kept = 0
    for i in range(LINE):
        slot = signed(line[i] >> _SLOT_SHIFT) - 1
        if signed(line[i] >> _HALF) & GENERATION == generation(leaders, slot):
            line[kept] = line[i]
            kept += 1
    if kept == LINE:  # all of leaders that are held
        leaders.counters[LOST] += 1
        for i in range(LINE - 1):
            line[i] = line[i + 1]
        kept -= 1
    line[kept] = pair
    line[kept + 1 :] = 0
    leaders.untold.lines[start // LINE] = True
    return False
