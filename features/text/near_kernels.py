"""Kernels of near duplicates: find each text's leader, or make it one, in the order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed
from features.intrinsics import prefetch
from features.text.near_arrivals import bands_of
from features.text.near_places import (
    BEFORE,
    CLOSENESS_ONE,
    COUNT,
    CREDIT_BIT,
    CREDIT_MAX,
    EXAMPLE,
    EXAMPLE_BYTES,
    FIRST,
    FREE,
    GENERATION,
    HELD,
    HOUR,
    HOUR_MS,
    ID,
    JOINED,
    LAST,
    LEADER_CHANGED,
    LETTERS_BIT,
    LETTERS_CAP,
    LIFE,
    NEXT_EXAMPLE,
    RECORD,
    RECORD_CHANGED,
    SENDER,
    SENDERS,
    SIGNATURE,
    SIZE,
    SLOT,
    STICKY,
    SWEEP,
    TAG,
    TOP,
    WORDS_BIT,
    WORDS_CAP,
    add_sender,
    free,
    is_grown,
    lead,
    letters_of,
    similarity_by_bits,
    similarity_by_components,
    take,
)
from features.text.signatures import BIT_WORDS

if TYPE_CHECKING:
    from features.text.near_arrivals import Arrivals, Found, Limits
    from features.text.near_places import Halves, Leaders, Words

_NEWEST: Final = 64
_FAR, _NEAR = 8, 4  # rows ahead: for the entries, and then for the leaders they lead to


@kernel
def process(leaders: Leaders, arrivals: Arrivals, limits: Limits, found: Found) -> None:
    """Take rows in, one after the other, and say which leader each belongs to."""
    rows = arrivals.ts.shape[0]
    for row in range(rows):
        _fetch(leaders, arrivals, row, rows, limits.letters_to_join)
        if arrivals.letters[row] < limits.letters_to_join:
            continue
        slot, alike = _nearest(leaders, arrivals, row)
        if slot >= 0 and _is_copy(leaders, arrivals, row, slot, alike, limits):
            _join(leaders, arrivals, row, slot, limits, found)
            _note_closeness(leaders, slot, alike)
        elif arrivals.words[row] >= limits.words and arrivals.letters[row] >= limits.letters:
            slot, alike = _begin(leaders, arrivals, row), CLOSENESS_ONE
            found.new[row] = True
        else:
            continue
        leaders.untold.leaders[slot] |= RECORD_CHANGED
        _write(leaders, slot, arrivals.ts[row], row, found)
        found.similarities[row] = np.float32(alike) / np.float32(CLOSENESS_ONE)


@kernel
def _is_copy(leaders: Leaders, arrivals: Arrivals, row: int, slot: int, alike: int, limits: Limits) -> bool:
    letters = arrivals.letters[row]
    shorter = max(1, min(letters, letters_of(leaders, slot)))
    return bool(alike >= limits.alike + limits.alike_for_short / shorter)


@kernel
def _note_closeness(leaders: Leaders, slot: int, alike: int) -> None:
    """Move the mean similarity of a leader's copies, the newest of them weighing most."""
    half = slot * 2 * RECORD
    size = leaders.halves[half + SIZE]
    mean, copies = size & CLOSENESS_ONE, min(leaders.halves[half + COUNT] - 1, _NEWEST)
    mean += (alike - mean) // copies
    leaders.halves[half + SIZE] = size & ~CLOSENESS_ONE | max(0, mean)


@kernel
def find(leaders: Leaders, arrivals: Arrivals, found: Found) -> None:
    """Say which leader each text is most like, and change nothing."""
    rows = arrivals.ts.shape[0]
    for row in range(rows):
        _fetch(leaders, arrivals, row, rows, 0)
        slot, alike = _nearest(leaders, arrivals, row)
        if alike > 0:
            _write(leaders, slot, arrivals.ts[row], row, found)
            found.similarities[row] = np.float32(alike) / np.float32(CLOSENESS_ONE)


@kernel
def _fetch(leaders: Leaders, arrivals: Arrivals, row: int, rows: int, letters_min: int) -> None:
    if row + _FAR < rows and arrivals.letters[row + _FAR] >= letters_min:
        for band in range(bands_of(arrivals.letters[row + _FAR])):
            prefetch(leaders.bands, arrivals.places[row + _FAR, band])
    if row + _NEAR < rows and arrivals.letters[row + _NEAR] >= letters_min:
        before = np.uint32(0)
        for band in range(bands_of(arrivals.letters[row + _NEAR])):
            entry = leaders.bands[arrivals.places[row + _NEAR, band]]
            if (entry ^ arrivals.tags[row + _NEAR, band]) & TAG == 0 and entry != before and entry != 0:
                slot = signed(entry & SLOT) - 1
                prefetch(leaders.bits, slot * BIT_WORDS)
                prefetch(leaders.words, slot * RECORD)
                before = entry


@kernel
def _nearest(leaders: Leaders, arrivals: Arrivals, row: int) -> tuple[int, int]:
    """Give the leader most like a text, of those a band leads to, and how like it is; (-1, -1) if none."""
    nearest, most, before = -1, -1, -1
    for band in range(bands_of(arrivals.letters[row])):
        entry = leaders.bands[arrivals.places[row, band]]
        slot = signed(entry & SLOT) - 1
        if slot < 0 or (entry ^ arrivals.tags[row, band]) & TAG != 0 or slot in (before, nearest):
            continue
        before = slot
        alike = similarity_by_bits(leaders.bits, slot * BIT_WORDS, arrivals.bits, row * BIT_WORDS)
        if alike < 0:
            alike = similarity_by_components(leaders.signatures, slot * SIGNATURE, arrivals.signatures, row * SIGNATURE)
        if alike > most and leaders.words[slot * RECORD + ID] != 0:
            nearest, most = slot, alike
    return nearest, most


@kernel
def _begin(leaders: Leaders, arrivals: Arrivals, row: int) -> int:
    slot = take(leaders)
    leaders.counters[HELD] += 1
    leaders.untold.leaders[slot] |= LEADER_CHANGED
    at, half, ts = slot * RECORD, slot * 2 * RECORD, arrivals.ts[row]
    leaders.words[at + ID] = np.int64(arrivals.ids[row])
    leaders.words[at + FIRST] = leaders.words[at + LAST] = ts
    leaders.words[at + SENDER] = arrivals.senders[row]
    leaders.halves[half + COUNT] = leaders.halves[half + SENDERS] = leaders.halves[half + JOINED] = 1
    leaders.halves[half + BEFORE] = leaders.halves[half + EXAMPLE] = 0
    leaders.halves[half + HOUR] = ts // HOUR_MS
    leaders.halves[half + SIZE] = (
        min(arrivals.words[row], WORDS_CAP) << WORDS_BIT | min(arrivals.letters[row], LETTERS_CAP) << LETTERS_BIT
    ) | CLOSENESS_ONE
    for i in range(SIGNATURE):
        leaders.signatures[slot * SIGNATURE + i] = arrivals.signatures[row * SIGNATURE + i]
    for i in range(BIT_WORDS):
        leaders.bits[slot * BIT_WORDS + i] = arrivals.bits[row * BIT_WORDS + i]
    for band in range(bands_of(arrivals.letters[row])):
        place = arrivals.places[row, band]
        entry = leaders.bands[place]
        if entry & STICKY == 0 or not is_grown(leaders, signed(entry & SLOT) - 1):
            lead(leaders, place, arrivals.tags[row, band] | np.uint32(slot + 1))
    return slot


@kernel
def _join(leaders: Leaders, arrivals: Arrivals, row: int, slot: int, limits: Limits, found: Found) -> None:
    at, half, ts = slot * RECORD, slot * 2 * RECORD, arrivals.ts[row]
    leaders.words[at + FIRST] = min(leaders.words[at + FIRST], ts)
    leaders.words[at + LAST] = max(leaders.words[at + LAST], ts)
    halves = leaders.halves[half : half + 2 * RECORD]
    halves[COUNT] += 1
    more = add_sender(leaders, slot, arrivals.senders[row])
    halves[SENDERS] += more
    found.new[row] = more > 0
    _note_hour(halves, ts // HOUR_MS, more)
    credit = CREDIT_MAX
    while credit > 1 and halves[SENDERS] >> credit - 1 == 0:
        credit -= 1
    halves[LIFE] = max(halves[LIFE] & ~GENERATION, credit << CREDIT_BIT) | halves[LIFE] & GENERATION
    if halves[SENDERS] > 1:
        _hold_bands(leaders, arrivals, row, slot)
    if halves[SENDERS] >= limits.senders_shown:
        _show(leaders, arrivals, row, slot)


@inlined
def _note_hour(halves: Halves, hour: int, more: int) -> None:
    ahead = hour - halves[HOUR]
    if ahead > 0:
        halves[BEFORE] = halves[JOINED] if ahead == 1 else 0
        halves[JOINED] = more
        halves[HOUR] = hour
    elif ahead == 0:
        halves[JOINED] += more
    elif ahead == -1:
        halves[BEFORE] += more


@kernel
def _hold_bands(leaders: Leaders, arrivals: Arrivals, row: int, slot: int) -> None:
    """Have the bands of a copy lead to its leader, unless they lead to another that has several senders too."""
    for band in range(bands_of(arrivals.letters[row])):
        place = arrivals.places[row, band]
        entry = leaders.bands[place]
        if entry & STICKY == 0 or not is_grown(leaders, signed(entry & SLOT) - 1):
            lead(leaders, place, arrivals.tags[row, band] | np.uint32(slot + 1) | STICKY)


@kernel
def _show(leaders: Leaders, arrivals: Arrivals, row: int, slot: int) -> None:
    """Keep a text as a leader's example if it has none, in the place of the oldest."""
    at, half = slot * RECORD, slot * 2 * RECORD
    held = np.int64(leaders.halves[half + EXAMPLE]) - 1
    if held >= 0 and leaders.example_of[2 * held] == leaders.words[at + ID]:
        return
    place = leaders.counters[NEXT_EXAMPLE]
    leaders.counters[NEXT_EXAMPLE] = (place + 1) % (leaders.example_of.shape[0] // 2)
    start, end = arrivals.offsets[row], arrivals.offsets[row + 1]
    if end - start > EXAMPLE_BYTES:
        end = start + EXAMPLE_BYTES
        while end > start and arrivals.data[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
    for i in range(end - start):
        leaders.examples[place * EXAMPLE_BYTES + i] = arrivals.data[start + i]
    leaders.example_of[2 * place], leaders.example_of[2 * place + 1] = leaders.words[at + ID], end - start
    leaders.halves[half + EXAMPLE] = place + 1
    leaders.untold.examples[place] = True


@kernel
def _write(leaders: Leaders, slot: int, ts: int, row: int, found: Found) -> None:
    at, half = slot * RECORD, slot * 2 * RECORD
    found.ids[row] = np.uint64(leaders.words[at + ID])
    found.counts[row] = leaders.halves[half + COUNT]
    found.senders[row] = leaders.halves[half + SENDERS]
    found.senders_1h[row] = joined_1h(leaders, slot)
    found.ages_ms[row] = ts - leaders.words[at + FIRST]
    found.closeness[row] = np.float32(leaders.halves[half + SIZE] & CLOSENESS_ONE) / np.float32(CLOSENESS_ONE)


@inlined
def joined_1h(leaders: Leaders, slot: int) -> int:
    """Return how many senders joined in the hour up to the newest message, those of the hour before taken as even."""
    half, last = slot * 2 * RECORD, leaders.words[slot * RECORD + LAST]
    left = HOUR_MS - (last - np.int64(leaders.halves[half + HOUR]) * HOUR_MS)
    return int(leaders.halves[half + JOINED]) + int(leaders.halves[half + BEFORE]) * int(left) // HOUR_MS


@kernel
def sweep(leaders: Leaders, before_ms: int, steps: int) -> int:
    """Look at the next leaders; forget those last seen before a time, and return how many."""
    counters, count = leaders.counters, 0
    for _ in range(min(steps, counters[TOP])):
        slot = counters[SWEEP] if counters[SWEEP] < counters[TOP] else 0
        counters[SWEEP] = slot + 1 if slot + 1 < counters[TOP] else 0
        if leaders.words[slot * RECORD + ID] != 0 and leaders.words[slot * RECORD + LAST] < before_ms:
            free(leaders, slot)
            leaders.words[slot * RECORD + SENDER] = counters[FREE]
            counters[FREE] = slot
            count += 1
    return count


@kernel
def write_joined_1h(leaders: Leaders, slots: Words, joined: Halves) -> None:
    """Write what `joined_1h` returns for each of these slots."""
    for i in range(slots.shape[0]):
        joined[i] = joined_1h(leaders, slots[i])
