"""The arrays feature state is made of, as the kernels see them.

An account is a *record*, seen as 8-byte words, 4-byte halves and 2-byte shorts; a place in it counts in those units.
The records of the accounts worked on last lie open, in rows; any other is *packed* into a block: a mask with a bit for
each half that is not as in the blank record, and those halves. (Of most records that is a third.) The account's held
events lie in a block of their own, its *chunk*, whose capacity is even: each field of its events one after the other,
8-byte fields first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from features.blocks import Blocks  # numba reads the fields of State

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for a time that is not known."""

HELD_MAX: Final = 4096
"""An account holds at most this many events; past that its oldest leave every window early."""

NEWEST, LATEST, FIRST_SEEN, SIGNUP, DROPPED, CHUNK = 0, 1, 2, 3, 4, 5
"""Words of a record: newest event of its own, newest event of any sort, first of its own, sign-up, newest of its own
events that is no longer held, and, while an event is taken in, where its chunk begins (-1: none)."""
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


PACKED, EVENTS, ROW = 0, 1, 2
"""Of an account's home: where its packed record is (-1: it is blank), where its chunk is (-1: none), and the row its
record lies open in (-1: none)."""
HOME: Final = 3
"""Numbers of a home."""
ROWS: Final = 128
"""Records that lie open: those of the accounts worked on last stay near, and accounts come back soon or late."""
BLANK, DRAFT, DIFFERS, ROWS_ALL = ROWS, ROWS + 1, ROWS + 3, ROWS + 4
"""Rows behind those, and all of them."""


class State(NamedTuple):
    """All records and chunks of a set of accounts."""

    words: NDArray[np.int64]
    halves: NDArray[np.int32]
    shorts: NDArray[np.uint16]
    """The open records, and in the rows behind them the blank one, one just packed, and how it differs from the blank
    one; three views of the same memory."""
    log: NDArray[np.int64]
    log_halves: NDArray[np.int32]
    """The memory of the blocks, two views of it."""
    blocks: Blocks
    homes: NDArray[np.int64]
    """(slots · HOME,): the homes of the accounts; the owners of the blocks."""
    opened: NDArray[np.int64]
    """(ROWS + 1,): slots of the open records (-1: none), and behind them the row that is next to be packed."""


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
