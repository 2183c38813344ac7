"""The arrays feature state is made of, as the kernels see them.

An account is a *record*: one stretch of memory, so that an event touches a few neighbouring cache lines. It is seen as
8-byte words, 4-byte halves and 2-byte shorts; a place in it counts in those units. Its held events lie in a *chunk* of
the log, whose capacity is even: each field of its events one after the other, 8-byte fields first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for a time that is not known."""

CHUNK_MIN: Final = 4
CHUNK_MAX: Final = 8192
HELD_MAX: Final = CHUNK_MAX // 2
"""An account holds at most this many events; past that its oldest leave every window early."""
SIZE_CLASSES: Final = 23
"""4, 6, 8, 12, 16 and so on to CHUNK_MAX."""

NEWEST, LATEST, FIRST_SEEN, SIGNUP, DROPPED, CHUNK = 0, 1, 2, 3, 4, 5
"""Words of a record: newest event of its own, newest event of any sort, first of its own, sign-up, newest of its own
events that is no longer held, and where its chunk begins (-1: none)."""
CAPACITY, HEAD, HELD, DROPPED_CLASS, DROPPED_GAP = 12, 13, 14, 15, 16
"""Halves of a record: size of its chunk, where in it the oldest held event is, how many are held, and of the dropped
event its sort of action and its gap (-1: none)."""
HEADER: Final = 9
"""Words before those of the catalogue."""

TS, EVENT, OTHER, BITS = 0, 1, 2, 3
"""8-byte fields of a held event."""

PROCESSED: Final = 0
DUPLICATE: Final = 1
LATE: Final = 2
"""What becomes of an event."""

RECEIVED_BIT: Final = 55
CHAIN_BITS: Final = 52
"""Bits 52 to 54 carry a conversation's past from one event to the next."""
FLAG_BITS: Final = 56
"""From here on, bits mark the last event with a key."""
PREDICATES_MAX: Final = CHAIN_BITS


class State(NamedTuple):
    """All records and chunks of a set of accounts."""

    words: NDArray[np.int64]
    halves: NDArray[np.int32]
    shorts: NDArray[np.uint16]
    """The records, three views of the same memory."""
    log: NDArray[np.int64]
    log_halves: NDArray[np.int32]
    """The log, two views of the same memory."""
    free: NDArray[np.int64]
    """(SIZE_CLASSES,): heads of the lists of free chunks, by size."""
    top: NDArray[np.int64]
    """(1,): the log behind it was never used."""
    blank: NDArray[np.int64]
    """The record of an account nothing is known of."""


class Batch(NamedTuple):
    """Rows to process. ``roles`` are row · 2, plus 1 where the row is taken in for its target; in order of arrival."""

    words: NDArray[np.int64]
    halves: NDArray[np.int32]
    roles: NDArray[np.int64]
    slots: NDArray[np.int64]


class Results(NamedTuple):
    """What becomes of the rows an account sent, in their order: outcomes (n,) and vectors (n, F)."""

    outcomes: NDArray[np.uint8]
    vectors: NDArray[np.float64]
    cursor: NDArray[np.int64]
    """(2,): the next role, and the next row of the results."""
