"""Copying accounts out of a state and into another, wherever they lie in either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from detector.contract.jit import kernel
from features.arrays import CAPACITY, CHUNK, CHUNK_MAX

from .chunks import EVENT_WORDS, take
from .clocks import reset
from .constants import RECORD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.arrays import State

_LOG_MARGIN: Final = CHUNK_MAX * EVENT_WORDS


@kernel
def count_words(s: State, slots: NDArray[np.int64]) -> int:
    """Return how many words of the log the accounts in these slots take."""
    total = 0
    for slot in slots:
        if s.words[slot * RECORD + CHUNK] >= 0:
            total += s.halves[2 * slot * RECORD + CAPACITY] * EVENT_WORDS
    return total


@kernel
def copy_out(s: State, slots: NDArray[np.int64], records: NDArray[np.int64], log: NDArray[np.int64]) -> None:
    """Copy records, shape (k, RECORD), and chunks, one behind the other."""
    used = 0
    for i in range(slots.shape[0]):
        r = slots[i] * RECORD
        for w in range(RECORD):
            records[i, w] = s.words[r + w]
        chunk = s.words[r + CHUNK]
        if chunk >= 0:
            size = s.halves[2 * r + CAPACITY] * EVENT_WORDS
            for w in range(size):
                log[used + w] = s.log[chunk + w]
            records[i, CHUNK] = used
            used += size


@kernel
def copy_in(s: State, slots: NDArray[np.int64], records: NDArray[np.int64], log: NDArray[np.int64], row: int) -> int:
    """Take in what `copy_out` gave, from a row on; return the row that needs a longer log, or their number."""
    while row < slots.shape[0] and s.top[0] + _LOG_MARGIN <= s.log.shape[0]:
        r, chunk = slots[row] * RECORD, records[row, CHUNK]
        reset(s, r)
        for w in range(RECORD):
            s.words[r + w] = records[row, w]
        if chunk >= 0:
            capacity = s.halves[2 * r + CAPACITY]
            own = take(s, capacity)
            for w in range(capacity * EVENT_WORDS):
                s.log[own + w] = log[chunk + w]
            s.words[r + CHUNK] = own
        row += 1
    return row


@kernel
def reset_all(s: State, slots: NDArray[np.int64]) -> None:
    """Forget the accounts in these slots."""
    for slot in slots:
        reset(s, slot * RECORD)
