"""Facts about an event's place: what the account did before it, and what came before it in its conversation.

They depend on the order of event times alone. A late event takes its place and the facts of those behind it are mended,
so the end state never depends on arrival.

A conversation is what two accounts exchange (messages, and the match before them), wherever the events before lie
within PAIR_MS; after a longer silence it begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.arrays import (
    BITS,
    CHAIN_BITS,
    CHUNK,
    DROPPED,
    DROPPED_CLASS,
    DROPPED_GAP,
    HEAD,
    HELD,
    NO_TIME,
    OTHER,
    RECEIVED_BIT,
    TS,
)
from features.places import GAP_MS_MAX, PAIR_MS, SESSION_MS, gap_bin, pace_of

from .constants import (
    AFTER_MATCH,
    ANSWER,
    ANSWER_RECEIVED,
    CLASS,
    DAY_START,
    FIELDS_64,
    FIRST_ANSWER,
    FIRST_CONTACT,
    GAP,
    GAP_BELOW_1S,
    GAP_BELOW_2S,
    GAP_BELOW_5S,
    GAP_LIKE_BEFORE,
    HAS_GAP,
    HAS_TWO_GAPS,
    INDEX,
    LEAVES,
    MATCH,
    MATCH_RECEIVED,
    MESSAGE,
    MESSAGE_RECEIVED,
    OPENED,
    OPENED_BY_OTHER,
    PAIR_GAP,
    PAIRS,
    SESSION_START,
    UNANSWERED,
    WITHIN_SESSION,
)
from .totals import find_last, mark_last, recount, remark

if TYPE_CHECKING:
    from features.arrays import State

_ONE: Final = np.uint64(1)
RECEIVED: Final = _ONE << np.uint64(RECEIVED_BIT)
_HAD_CONTACT: Final = _ONE << np.uint64(CHAIN_BITS)
_OTHER_SPOKE: Final = _ONE << np.uint64(CHAIN_BITS + 1)
_OWN_SPOKE: Final = _ONE << np.uint64(CHAIN_BITS + 2)
_GAP_BITS: Final = (
    HAS_GAP | GAP_BELOW_1S | GAP_BELOW_2S | GAP_BELOW_5S | SESSION_START | WITHIN_SESSION | DAY_START | HAS_TWO_GAPS
    | GAP_LIKE_BEFORE
)  # fmt: skip
_PAIR_BITS: Final = (
    OPENED | OPENED_BY_OTHER | UNANSWERED | ANSWER | ANSWER_RECEIVED | FIRST_ANSWER | AFTER_MATCH | FIRST_CONTACT
    | _HAD_CONTACT | _OTHER_SPOKE | _OWN_SPOKE
)  # fmt: skip
_PAIR: Final = MESSAGE | MESSAGE_RECEIVED | MATCH | MATCH_RECEIVED
_HAS_ORDER: Final = GAP >= 0 or CLASS >= 0
_MENDED: Final = 2 if HAS_TWO_GAPS else 1
"""How many of its own events behind a late one depend on it."""
_DAY_MS: Final = 86_400_000


@part
def place_event(s: State, r: int, capacity: int, place: int) -> None:
    """Set the facts of the event just put at ``place``, count it, and mend those behind it.

    It is counted first: to mend an event may pass the flag of a key on to it.
    """
    chunk = s.words[r + CHUNK]
    bits = np.uint64(s.log[chunk + BITS * capacity + place])
    in_order = _HAS_ORDER and not bits & RECEIVED
    in_pair = PAIRS and bits & _PAIR and s.log[chunk + OTHER * capacity + place] != 0
    if in_order:
        _set_order(s, r, capacity, place)
    if in_pair:
        _set_pair(s, r, capacity, place)
    recount(s, r, capacity, place, 1)
    mark_last(s, r, capacity, place)
    if in_order:
        _mend_order(s, r, capacity, place)
    if in_pair:
        _mend_pairs(s, r, capacity, place)


@part
def _set_order(s: State, r: int, capacity: int, place: int) -> None:
    """Compare an event with the account's own one before it."""
    chunk, head = s.words[r + CHUNK], s.halves[2 * r + HEAD]
    small = 2 * (chunk + FIELDS_64 * capacity)
    before, action = s.words[r + DROPPED], int(s.halves[2 * r + DROPPED_CLASS])
    gap_before = int(s.halves[2 * r + DROPPED_GAP])
    for i in range(place - 1, head - 1, -1):
        if not np.uint64(s.log[chunk + BITS * capacity + i]) & RECEIVED:
            before = s.log[chunk + TS * capacity + i]
            if CLASS >= 0:
                action = (int(s.log_halves[small + CLASS * capacity + i]) >> 24) & 7
            if GAP >= 0:
                gap_before = int(s.log_halves[small + GAP * capacity + i])
            break
    ts = s.log[chunk + TS * capacity + place]
    bits = np.uint64(s.log[chunk + BITS * capacity + place]) & ~_GAP_BITS
    gap = -1
    if before == NO_TIME or before > ts:
        bits |= SESSION_START | DAY_START
    else:
        gap = int(min(ts - before, GAP_MS_MAX))
        bits |= _gap_bits(gap, gap_before)
        bits |= DAY_START if before // _DAY_MS != ts // _DAY_MS else np.uint64(0)
    s.log[chunk + BITS * capacity + place] = np.int64(bits)
    if GAP >= 0:
        s.log_halves[small + GAP * capacity + place] = gap
    if CLASS >= 0 and gap >= 0:
        classes = int(s.log_halves[small + CLASS * capacity + place])
        pair = action * 8 + ((classes >> 24) & 7)
        pace_before = pace_of(gap_before) if gap_before >= 0 else 0
        kept = classes & ~0x3800FFFF
        s.log_halves[small + CLASS * capacity + place] = kept | (pace_before << 27) | (pair << 8) | gap_bin(gap)


@part
def _gap_bits(gap: int, gap_before: int) -> np.uint64:
    """Say what a gap is, by itself and beside the one before (-1: none)."""
    nothing = np.uint64(0)
    bits = HAS_GAP
    bits |= GAP_BELOW_1S if gap < 1000 else nothing
    bits |= GAP_BELOW_2S if gap < 2000 else nothing
    bits |= GAP_BELOW_5S if gap < 5000 else nothing
    bits |= SESSION_START if gap >= SESSION_MS else WITHIN_SESSION
    if gap_before >= 0:
        bits |= HAS_TWO_GAPS
        bits |= GAP_LIKE_BEFORE if 10 * abs(gap - gap_before) <= gap_before else nothing
    return bits


@part
def _mend_order(s: State, r: int, capacity: int, place: int) -> None:
    """Compare the own events behind ``place`` anew."""
    chunk = s.words[r + CHUNK]
    end = s.halves[2 * r + HEAD] + s.halves[2 * r + HELD]
    mended = 0
    for i in range(place + 1, end):
        if not np.uint64(s.log[chunk + BITS * capacity + i]) & RECEIVED:
            recount(s, r, capacity, i, -1)
            _set_order(s, r, capacity, i)
            recount(s, r, capacity, i, 1)
            mended += 1
            if mended == _MENDED:
                return


@part
def _set_pair(s: State, r: int, capacity: int, place: int) -> None:
    """Compare an event with the one before it in its conversation."""
    chunk = s.words[r + CHUNK]
    small = 2 * (chunk + FIELDS_64 * capacity)
    before = _pair_before(s, r, capacity, place)
    bits = np.uint64(s.log[chunk + BITS * capacity + place]) & ~_PAIR_BITS
    past = np.uint64(0)
    index, gap = 0, -1
    if before >= 0:
        past = np.uint64(s.log[chunk + BITS * capacity + before])
        bits |= past & (_HAD_CONTACT | _OTHER_SPOKE | _OWN_SPOKE)
        if past & MESSAGE and past & LEAVES:
            bits |= _HAD_CONTACT
        bits |= _OTHER_SPOKE if past & MESSAGE_RECEIVED else np.uint64(0)
        bits |= _OWN_SPOKE if past & MESSAGE else np.uint64(0)
        gap = s.log[chunk + TS * capacity + place] - s.log[chunk + TS * capacity + before]
        if INDEX >= 0:
            index = s.log_halves[small + INDEX * capacity + before]
            index += 1 if past & (MESSAGE | MESSAGE_RECEIVED) else 0
    s.log[chunk + BITS * capacity + place] = np.int64(bits | _pair_bits(bits, past))
    if PAIR_GAP >= 0:
        s.log_halves[small + PAIR_GAP * capacity + place] = gap
    if INDEX >= 0:
        s.log_halves[small + INDEX * capacity + place] = index


@part
def _pair_bits(bits: np.uint64, past: np.uint64) -> np.uint64:
    """Say what an event is in its conversation; ``past`` are the bits of the event before it."""
    nothing = np.uint64(0)
    found = nothing
    is_first = not bits & (_OTHER_SPOKE | _OWN_SPOKE)
    if bits & MESSAGE:
        found |= OPENED if is_first else nothing
        found |= UNANSWERED if not bits & _OTHER_SPOKE else nothing
        found |= ANSWER if past & MESSAGE_RECEIVED else nothing
        found |= AFTER_MATCH if past & (MATCH | MATCH_RECEIVED) and is_first else nothing
        found |= FIRST_CONTACT if bits & LEAVES and not bits & _HAD_CONTACT else nothing
    elif bits & MESSAGE_RECEIVED:
        found |= OPENED_BY_OTHER if is_first else nothing
        found |= ANSWER_RECEIVED if past & MESSAGE else nothing
        found |= FIRST_ANSWER if bits & _OWN_SPOKE and not bits & _OTHER_SPOKE else nothing
    return found


@part
def _pair_before(s: State, r: int, capacity: int, place: int) -> int:
    chunk, head = s.words[r + CHUNK], int(s.halves[2 * r + HEAD])
    others = s.log[chunk + OTHER * capacity : chunk + OTHER * capacity + place]
    oldest = s.log[chunk + TS * capacity + place] - PAIR_MS
    key = s.log[chunk + OTHER * capacity + place]
    i = place
    while i > head:
        i = find_last(others, head, i, key)
        if i < 0 or s.log[chunk + TS * capacity + i] < oldest:
            return -1
        if np.uint64(s.log[chunk + BITS * capacity + i]) & _PAIR:
            return i
    return -1


@kernel
def _mend_pairs(s: State, r: int, capacity: int, place: int) -> None:
    """Compare the events behind ``place`` in its conversation anew, until nothing changes."""
    chunk = s.words[r + CHUNK]
    end = s.halves[2 * r + HEAD] + s.halves[2 * r + HELD]
    key = s.log[chunk + OTHER * capacity + place]
    latest = s.log[chunk + TS * capacity + place] + PAIR_MS
    small = 2 * (chunk + FIELDS_64 * capacity)
    for i in range(place + 1, end):
        if s.log[chunk + OTHER * capacity + i] != key:
            continue
        if not np.uint64(s.log[chunk + BITS * capacity + i]) & _PAIR:
            continue
        if s.log[chunk + TS * capacity + i] > latest:
            return
        bits = s.log[chunk + BITS * capacity + i]
        gap = s.log_halves[small + PAIR_GAP * capacity + i] if PAIR_GAP >= 0 else 0
        index = s.log_halves[small + INDEX * capacity + i] if INDEX >= 0 else 0
        recount(s, r, capacity, i, -1)
        _set_pair(s, r, capacity, i)
        recount(s, r, capacity, i, 1)
        remark(s, r, capacity, i, np.uint64(bits))
        same = s.log[chunk + BITS * capacity + i] == bits
        if PAIR_GAP >= 0:
            same &= s.log_halves[small + PAIR_GAP * capacity + i] == gap
        if INDEX >= 0:
            same &= s.log_halves[small + INDEX * capacity + i] == index
        if same:
            return
        latest = s.log[chunk + TS * capacity + i] + PAIR_MS
