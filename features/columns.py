"""From a decoded batch to the numbers the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.events import EVENT_TYPES
from detector.contract.jit import kernel
from features.fields import Fields
from features.messages import MEASURES, VECTOR_BYTES
from features.predicates import PREDICATES
from features.sharing import KINDS
from features.texts import measure

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.details import Tails
    from features.predicates import Test

TS, ACCOUNT, EVENT, TARGET, SENT, RECEIVED = range(6)
"""Columns of `EventColumns.words`."""

TYPE, TEXT, SHAPE, DOMAIN, LENGTH, PHOTO_COUNT, BIO_LENGTH, NAME_DIGITS, SHARED = range(9)
"""Columns of `EventColumns.halves`; the counts of shared entities begin at SHARED."""

MESSAGE: Final = SHARED + 2 * len(KINDS)
"""The first of the measures of a text (`messages.MEASURES`)."""
HALVES: Final = MESSAGE + len(MEASURES)

GROUPS: Final = frozenset({"text", "shape", "domain", "length", "profile", "message"})
"""Groups of columns that are filled only when they are needed."""

PREDICATES_MAX: Final = 56

_BLANK: Final = np.array([0] * PHOTO_COUNT + [-1] * (HALVES - PHOTO_COUNT), np.int32)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """One row an event; 0 stands for what there is none of, -1 for what the event does not say.

    ``TARGET`` is 0 also where an account acts upon itself. Bit i of ``SENT`` (``RECEIVED``) says whether the predicate
    i holds for the account that acts (for its target). ``TEXT``, ``SHAPE`` and ``DOMAIN`` are 32-bit keys of the exact
    text, its shape (`Fields.shapes`; of a near duplicate its leader's id, once it is known) and its first link;
    ``LENGTH`` is in characters. Kind k's accounts in an hour and in a day stand at ``SHARED`` + 2k and the next, once
    the entity stage filled them, and measures of the text from ``MESSAGE`` on.
    """

    words: NDArray[np.int64]
    """(n, 6): time in epoch ms, keys from `hashing.keys`, bits."""
    halves: NDArray[np.int32]
    """(n, HALVES)"""
    vectors: NDArray[np.uint8]
    """(n, messages.VECTOR_BYTES): vectors of the texts, packed; or (n, 0) if no feature needs them."""
    fields: Fields | None = field(default=None, repr=False, compare=False)
    """What the columns were made from, until rows are taken."""

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.words)

    @property
    def ts(self) -> NDArray[np.int64]:
        """Event times in epoch ms."""
        return self.words[:, TS]

    @property
    def account(self) -> NDArray[np.uint64]:
        """Keys of the accounts that act."""
        return self.words.view(np.uint64)[:, ACCOUNT]

    @property
    def event(self) -> NDArray[np.uint64]:
        """Keys of the events."""
        return self.words.view(np.uint64)[:, EVENT]

    @property
    def measures(self) -> NDArray[np.int32]:
        """Measures of the texts, shape (n, len(MEASURES)); a view."""
        return self.halves[:, MESSAGE:]

    def take(self, rows: NDArray[np.int64]) -> EventColumns:
        """Select rows, in the order given."""
        return EventColumns(self.words[rows], self.halves[rows], self.vectors[rows])

    def between(self, start: int, end: int) -> EventColumns:
        """Select adjacent rows without copying."""
        return EventColumns(self.words[start:end], self.halves[start:end], self.vectors[start:end])


def derive(
    events: pl.DataFrame,
    predicates: tuple[str, ...],
    needs: frozenset[str] = GROUPS,
    tails: Tails | None = None,
) -> EventColumns:
    """Compute the columns of a batch in ``EVENT_SCHEMA``; of `GROUPS` only those needed.

    Names that are no predicates over fields (``has_gap``, ``copied``) are left to others. ``tails`` is what senders
    said before (`Fields`).
    """
    known, n = Fields(events, tails), len(events)
    vectors = np.zeros((n, VECTOR_BYTES if "message" in needs else 0), np.uint8)
    columns = EventColumns(np.zeros((n, 6), np.int64), np.empty((n, HALVES), np.int32), vectors, known)
    columns.halves[:] = _BLANK
    columns.halves[:, TYPE] = known.types
    columns.words[:, TS] = known.ts
    keys = columns.words.view(np.uint64)
    for place, name in ((ACCOUNT, "account_id"), (EVENT, "event_id"), (TARGET, "target_id")):
        keys[:, place] = known.keys(name)
    _fill_groups(known, columns.halves, needs)
    types, tests = _plan(predicates)
    _begin(columns.words, columns.halves, types)
    for test, sent, received in tests:
        _keep(columns.words, test(known), sent, received)
    return columns


def _fill_groups(known: Fields, halves: NDArray[np.int32], needs: frozenset[str]) -> None:
    if known.column("text") is not None:
        if "length" in needs:
            halves[:, LENGTH] = known.texts.characters
        if "shape" in needs:
            _write_upper_halves(known.shapes, halves[:, SHAPE])
        if "text" in needs:
            _write_upper_halves(known.keys("text"), halves[:, TEXT])
    if "domain" in needs and not (known.column("text") is None and known.column("links") is None):
        _write_upper_halves(known.hosts, halves[:, DOMAIN])
    if "profile" in needs:
        if known.column("photo_count") is not None:
            halves[:, PHOTO_COUNT] = known.numbers("photo_count")
        bios = known.column("bio")
        if bios is not None:
            halves[:, BIO_LENGTH] = np.where(known.has("bio"), measure(bios).characters, -1)
        if known.column("name") is not None:
            halves[:, NAME_DIGITS] = known.digits("name")


@lru_cache
def _plan(predicates: tuple[str, ...]) -> tuple[NDArray[np.uint64], tuple[tuple[Test, np.uint64, np.uint64], ...]]:
    """Say by type which predicates can hold, shape (types, 2), and for each test which bits of both words need it."""
    if len(predicates) > PREDICATES_MAX:
        raise ValueError(f"expected at most {PREDICATES_MAX} predicates, got {len(predicates)}")
    types = np.zeros((len(EVENT_TYPES), 2), np.uint64)
    tests: dict[Test, list[int]] = {}
    for place, name in enumerate(predicates):
        if name in PREDICATES:
            asked = PREDICATES[name]
            types[:, int(asked.received)] |= asked.by_type().astype(np.uint64) << np.uint64(place)
            if asked.test is not None:
                tests.setdefault(asked.test, [0, 0])[asked.received] |= 1 << place
    return types, tuple((test, np.uint64(sent), np.uint64(received)) for test, (sent, received) in tests.items())


@kernel
def _begin(words: NDArray[np.int64], halves: NDArray[np.int32], types: NDArray[np.uint64]) -> None:
    """Set the bits that the types allow, and clear targets that are no others."""
    for row in range(words.shape[0]):
        code = halves[row, TYPE]
        if words[row, TARGET] == words[row, ACCOUNT]:
            words[row, TARGET] = 0
        words[row, SENT] = np.int64(types[code, 0])
        words[row, RECEIVED] = np.int64(types[code, 1]) if words[row, TARGET] != 0 else 0


@kernel
def _keep(words: NDArray[np.int64], passed: NDArray[np.bool_], sent: np.uint64, received: np.uint64) -> None:
    """Clear bits where a test fails."""
    for row in range(words.shape[0]):
        if not passed[row]:
            words[row, SENT] &= ~np.int64(sent)
            words[row, RECEIVED] &= ~np.int64(received)


@kernel
def _write_upper_halves(keys: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
    """Shorten keys to 32 bits; only what is absent is 0."""
    for row in range(out.shape[0]):
        short = np.int32(keys[row] >> np.uint64(32))
        out[row] = 1 if short == 0 and keys[row] != 0 else short
