"""Near duplicates, live: which known text a message is an edited copy of, who else sent one, and since when.

The first text of a group is its leader. A text joins the leader most like it among those that share a band of
components with it (locality-sensitive hashing), if enough of the signatures is equal; else it founds a group, unless it
is so short that many people say it. All memory is taken at the start: when there is no room, the leader goes that was
idle longest, as a clock with credits tells it; a group of several senders has up to seven rounds, one of a single
sender none.

What comes out depends on the texts and their order alone, not on where batches end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from features.text import near_arrivals as near
from features.text import near_kernels as kernels
from features.text import near_places as places
from features.text import near_told as told
from features.text.column import TextColumn
from features.text.signatures import BIT_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from features.text.signatures import Signatures

CAPACITY: Final = 1 << 18
SIMILARITY_MIN: Final = 0.22
SIMILARITY_FOR_SHORT: Final = 3.0
"""Unrelated short texts are alike by chance: with 20 letters .37 is asked for, with 45 .29, with 110 .25."""
WORDS_MIN, LETTERS_MIN = 5, 16
LETTERS_TO_JOIN: Final = 12
SENDERS_SHOWN: Final = 3
_PAIRS_PER_LEADER, _LEADERS_PER_PLACE, _LEADERS_PER_EXAMPLE = 4, 2, 16


class Matches(NamedTuple):
    """The leader of each of n texts, as it is after it; all 0 where a text has none."""

    leaders: NDArray[np.uint64]
    """Ids that last: the same text first seen at the same time has the same id, whatever else was seen."""
    similarities: NDArray[np.float32]
    """Estimated Jaccard similarity with the leader; 1 for the leader itself."""
    counts: NDArray[np.int32]
    """Messages of the group."""
    senders: NDArray[np.int32]
    """Distinct senders: exact up to 4,096 as long as the memory for them lasts, then within 1.3 % (standard error)."""
    senders_1h: NDArray[np.int32]
    """Those whose first message of the group was in the hour before its newest one."""
    ages_ms: NDArray[np.int64]
    """Event time since the group's first message."""
    new: NDArray[np.bool_]
    """Whether the sender is new to the group."""
    closeness: NDArray[np.float32]
    """Mean similarity of the group's other texts with its leader, the newest weighing most; 1 if there is none. With
    copies by all edits of the benchmark, 99 of 100 texts have .71 or more (copies by synonyms alone have .60); what
    people happen to say alike has little more than it takes to join."""


class Groups(NamedTuple):
    """Groups, for people and for campaigns; a row each."""

    leaders: NDArray[np.uint64]
    counts: NDArray[np.int32]
    senders: NDArray[np.int32]
    senders_1h: NDArray[np.int32]
    first_ms: NDArray[np.int64]
    last_ms: NDArray[np.int64]
    words: NDArray[np.int32]
    """Words of the leader, normalised; up to 511."""
    closeness: NDArray[np.float32]
    examples: TextColumn
    """A text of each, up to 256 bytes; empty if it never had three senders, or so many others had
    since."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group, for people."""

    leader: int
    count: int
    senders: int
    senders_1h: int
    first_ms: int
    last_ms: int
    words: int
    closeness: float
    example: str


class NearDuplicates:
    """Groups of near duplicates: at most ``capacity`` of them, at some 430 bytes each.

    A text is a copy if its similarity with the leader is at least ``similarity_min`` and ``similarity_for_short`` by
    the letters of the shorter of both; ``benchmarks/text.py`` says what that finds. A text with less than ``words_min``
    words or ``letters_min`` letters founds no group. ValueError if the capacity is not between 1 and 2²⁰ - 1.
    """

    def __init__(
        self,
        capacity: int = CAPACITY,
        similarity_min: float = SIMILARITY_MIN,
        similarity_for_short: float = SIMILARITY_FOR_SHORT,
        words_min: int = WORDS_MIN,
        letters_min: int = LETTERS_MIN,
    ) -> None:
        if not 1 <= capacity <= places.SLOTS_MAX:
            msg = f"the capacity for near duplicates is {capacity}, expected 1 to {places.SLOTS_MAX}"
            raise ValueError(msg)
        self._capacity = capacity
        self._places_in_band = max(1, capacity // _LEADERS_PER_PLACE)
        alike, more = similarity_min * places.CLOSENESS_ONE, similarity_for_short * places.CLOSENESS_ONE
        self._limits = near.Limits(alike, more, LETTERS_TO_JOIN, words_min, letters_min, SENDERS_SHOWN)
        self._state, self._turn = self._empty(), 0

    def __len__(self) -> int:
        """Return the number of groups held."""
        return int(self._state.counters[places.HELD])

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        arrays = (*self._state[:-1], *self._state.untold)
        return sum(array.nbytes for array in arrays) - self._state.halves.nbytes

    @property
    def evicted(self) -> int:
        """How many groups went to make room, ever."""
        return int(self._state.counters[places.EVICTED])

    @property
    def senders_lost(self) -> int:
        """How many senders were forgotten to make room, ever: should they write again, they count again."""
        return int(self._state.counters[places.LOST])

    def process(
        self, signatures: Signatures, senders: NDArray[np.uint64], ts: NDArray[np.int64], texts: TextColumn
    ) -> Matches:
        """Take in n messages in the order given: signed normalised texts, senders' keys, event times in ms.

        ``texts`` are what to show to people.
        """
        arrivals, found = self._arrivals(signatures, senders, ts, texts)
        self._state = told.with_room(self._state, len(ts))
        kernels.process(self._state, arrivals, self._limits, found)
        return Matches(*found)

    def find(self, signatures: Signatures, ts: NDArray[np.int64]) -> Matches:
        """Say which leader each text is most like, however little, as if it came at these times; change nothing."""
        nothing = TextColumn(np.zeros(0, np.uint8), np.zeros(1, np.int64))
        arrivals, found = self._arrivals(signatures, np.zeros(len(ts), np.uint64), ts, nothing)
        kernels.find(self._state, arrivals, found)
        return Matches(*found)

    def leader(self, leader: int) -> Group | None:
        """Return the group with this id, if it is held."""
        slots = np.flatnonzero(self._records()[:, places.ID] == np.uint64(leader).astype(np.int64))
        if leader == 0 or len(slots) == 0:
            return None
        found = self._groups(slots[:1])
        return Group(
            leader,
            int(found.counts[0]),
            int(found.senders[0]),
            int(found.senders_1h[0]),
            int(found.first_ms[0]),
            int(found.last_ms[0]),
            int(found.words[0]),
            float(found.closeness[0]),
            found.examples.strings()[0],
        )

    def leaders(self, senders_min: int) -> Groups:
        """Return all groups with so many distinct senders or more, in no order that means anything."""
        held = (self._records()[:, places.ID] != 0) & (self._halves()[:, places.SENDERS] >= senders_min)
        return self._groups(np.flatnonzero(held))

    def sweep(self, before_ms: int, steps: int) -> int:
        """Look at the next ``steps`` groups and forget those last seen before a time; return how many were."""
        return kernels.sweep(self._state, before_ms, steps)

    def changes(self, others_bytes_min: int = told.OTHERS_BYTES_MIN) -> dict[str, NDArray[Any]]:
        """Tell what `apply` must be told, after all it was told before, to hold the same state; nothing for nothing.

        Only what changed, and a little more in turn: once a turn is complete, all since the last one was is enough.
        """
        changes, self._turn = told.changes(self._state, self._turn, others_bytes_min)
        return changes

    def apply(self, changes: Mapping[str, NDArray[Any]]) -> None:
        """Take in what `changes` told. ValueError if another version or one of another capacity wrote it."""
        told.apply(self._state, changes)

    def _arrivals(
        self, signatures: Signatures, senders: NDArray[np.uint64], ts: NDArray[np.int64], texts: TextColumn
    ) -> tuple[near.Arrivals, near.Found]:
        """Lay out what comes in and what will be said of it."""
        count = len(ts)
        arrivals = near.Arrivals(
            np.empty(count * places.SIGNATURE, np.uint64),
            np.array(signatures.bits).reshape(-1),
            np.empty((count, near.BANDS_OF_SHORT), np.int64),
            np.empty((count, near.BANDS_OF_SHORT), np.uint32),
            np.empty(count, np.uint64),
            signatures.words,
            signatures.letters,
            np.array(senders, np.uint64).view(np.int64),
            np.array(ts, np.int64),  # a copy: kernels are compiled for arrays that can be written to
            np.require(texts.data, requirements="W"),
            np.require(texts.offsets, requirements="W"),
        )
        near.prepare(signatures.values, signatures.more, arrivals.ts, self._places_in_band, arrivals)
        halves, shares = np.zeros((3, count), np.int32), np.zeros((2, count), np.float32)
        ids, ages, new = np.zeros(count, np.uint64), np.zeros(count, np.int64), np.zeros(count, np.bool_)
        return arrivals, near.Found(ids, shares[0], halves[0], halves[1], halves[2], ages, new, shares[1])

    def _empty(self) -> places.Leaders:
        capacity = self._capacity
        words = np.zeros(capacity * places.RECORD, np.int64)
        lines = max(1, capacity * _PAIRS_PER_LEADER // places.LINE)
        examples = max(16, capacity // _LEADERS_PER_EXAMPLE)
        counters = np.zeros(places.COUNTERS, np.int64)
        counters[places.FREE] = -1
        return places.Leaders(
            words,
            words.view(np.int32),
            np.zeros(capacity * places.SIGNATURE, np.uint64),
            np.zeros(capacity * BIT_WORDS, np.uint64),
            np.zeros(near.band_places(self._places_in_band), np.uint32),
            np.zeros(lines * places.LINE, np.uint64),
            np.zeros(examples * places.EXAMPLE_BYTES, np.uint8),
            np.zeros(2 * examples, np.int64),
            counters,
            places.Untold(
                np.zeros(capacity, np.uint8),
                np.zeros(lines, np.bool_),
                np.zeros(examples, np.bool_),
                np.zeros(0, np.uint32),
                np.zeros(1, np.int64),
                np.zeros(1, np.bool_),
            ),
        )

    def _records(self) -> NDArray[np.int64]:
        return self._state.words.reshape(-1, places.RECORD)

    def _halves(self) -> NDArray[np.int32]:
        return self._state.halves.reshape(-1, 2 * places.RECORD)

    def _groups(self, slots: NDArray[np.int64]) -> Groups:
        records, halves = self._records()[slots], self._halves()[slots]
        joined = np.empty(len(slots), np.int32)
        kernels.write_joined_1h(self._state, slots, joined)
        return Groups(
            records[:, places.ID].astype(np.uint64),
            halves[:, places.COUNT].copy(),
            halves[:, places.SENDERS].copy(),
            joined,
            records[:, places.FIRST].copy(),
            records[:, places.LAST].copy(),
            halves[:, places.SIZE] >> places.WORDS_BIT,
            (halves[:, places.SIZE] & places.CLOSENESS_ONE).astype(np.float32) / np.float32(places.CLOSENESS_ONE),
            self._examples(records[:, places.ID], halves[:, places.EXAMPLE]),
        )

    def _examples(self, ids: NDArray[np.int64], held: NDArray[np.int32]) -> TextColumn:
        owners = self._state.example_of.reshape(-1, 2)
        sizes = np.where((held > 0) & (owners[held - 1, 0] == ids), owners[held - 1, 1], 0)
        rows = self._state.examples.reshape(-1, places.EXAMPLE_BYTES)[held - 1]
        data = rows[np.arange(places.EXAMPLE_BYTES) < sizes[:, None]]
        return TextColumn(data, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
