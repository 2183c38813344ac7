"""What accounts wrote and were told last: vectors of their last texts, for likeness, answers and scripts.

A record is 1 KiB: the last 8 texts an account sent (by event time, so the order they come in does not matter), the last
of each of the 3 others who wrote to it latest, and 6 steps from one text to the next in some conversation. Vectors
have four bits a number (`messages.pack`). A step is known by the groups of near duplicates its two texts are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from detector.contract.jit import kernel, part
from features import messages as m
from features.columns import SHAPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.columns import EventColumns

OWN, OTHERS, STEPS = 8, 3, 6
RECORD: Final = 128
"""Words of 8 bytes."""
_EVENTS, _TIMES, _VECTORS, _OTHER_VECTORS, _OTHER_TIMES = 0, 8, 28, 92, 116
_PARTNERS, _LEADERS, _NORMS = 2 * 16, 2 * 20, 2 * 24
_OTHER_NAMES, _OTHER_NORMS, _STEPS, _STEP_PARTNERS = 2 * 119, 2 * 119 + 3, 2 * 122, 2 * 125
_ROWS_MIN: Final = 64
_GROWTH: Final = 1.125
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class _State(NamedTuple):
    """Records, three views of the same memory."""

    words: NDArray[np.int64]
    halves: NDArray[np.int32]
    octets: NDArray[np.uint8]


class _Batch(NamedTuple):
    """Rows in the order of ``roles``: row · 2 for the sender, and 1 more for its target; where each record is."""

    roles: NDArray[np.int64]
    places: NDArray[np.int64]
    words: NDArray[np.int64]
    shapes: NDArray[np.int32]
    vectors: NDArray[np.uint8]
    measures: NDArray[np.int32]


class TextHistory:
    """Records of those accounts that sent or were sent a text, found by the account's slot."""

    def __init__(self) -> None:
        self._row_of = np.full(0, -1, np.int32)
        self._records = np.zeros((0, RECORD), np.int64)
        self._free: list[int] = []
        self._top = 0

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._row_of.nbytes + self._records.nbytes

    def process(self, columns: EventColumns, roles: NDArray[np.int64], slots: NDArray[np.int64], ttl_ms: int) -> None:
        """Fill in the measures that compare texts with the account's own, and take the texts in.

        What is older than ``ttl_ms`` is compared with no more.
        """
        rows = roles >> 1
        kept = np.flatnonzero(columns.measures[rows, m.LANGUAGE] >= 0)
        if not len(kept):
            return
        places = self._places(slots[kept])
        batch = _Batch(roles[kept], places, columns.words, columns.halves[:, SHAPE], columns.vectors, columns.measures)
        _process(self._state(), batch, ttl_ms, np.empty(m.VECTOR_DIMENSIONS, np.float64))

    def forget(self, slots: NDArray[np.int64]) -> None:
        """Forget what the accounts in some slots wrote."""
        known = slots[slots < len(self._row_of)]
        rows = self._row_of[known]
        held = rows[rows >= 0]
        self._records[held] = 0
        self._free += held.tolist()
        self._row_of[known] = -1

    def extract(self, slots: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Copy the records of the accounts in k slots; ``text_rows`` says of which of the k each is."""
        self._fit(int(slots.max(initial=-1)) + 1)
        rows = self._row_of[slots]
        held = np.flatnonzero(rows >= 0)
        return {"text_rows": held, "text_records": self._records[rows[held]]}

    def put(self, slots: NDArray[np.int64], state: dict[str, NDArray[Any]]) -> None:
        """Take in what `extract` gave, for accounts that now have these slots."""
        self.forget(slots)
        places = self._places(slots[state["text_rows"]])
        self._records[places] = state["text_records"]

    def _places(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        self._fit(int(slots.max(initial=-1)) + 1)
        for slot in np.unique(slots[self._row_of[slots] < 0]).tolist():
            self._row_of[slot] = self._new_row()
        return self._row_of[slots].astype(np.int64)

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        if self._top == len(self._records):
            size = max(int(self._top * _GROWTH), self._top + _ROWS_MIN)
            self._records.resize((size, RECORD), refcheck=False)  # moves by its pages, without a copy
        self._top += 1
        return self._top - 1

    def _fit(self, top: int) -> None:
        if top > len(self._row_of):
            more = max(int(len(self._row_of) * _GROWTH), top) - len(self._row_of)
            self._row_of = np.concatenate([self._row_of, np.full(more, -1, np.int32)])

    def _state(self) -> _State:
        words = self._records.reshape(-1)
        return _State(words, words.view(np.int32), words.view(np.uint8))


@part
def _dot(a: NDArray[np.uint8], i: int, b: NDArray[np.uint8], j: int) -> int:
    total = np.int32(0)
    for k in range(m.VECTOR_BYTES):
        x, y = np.int32(a[i + k]), np.int32(b[j + k])
        total += ((x & 15) - 8) * ((y & 15) - 8) + ((x >> 4) - 8) * ((y >> 4) - 8)
    return int(total)


@part
def _likeness(dot: int, norm: int, other: int) -> int:
    """Give a cosine in thousandths, from 0 on."""
    product = norm * other
    return max(int(1000 * dot / np.sqrt(product) + 0.5), 0) if product > 0 else 0


@kernel
def _process(s: _State, batch: _Batch, ttl_ms: int, sums: NDArray[np.float64]) -> None:
    for k in range(batch.roles.shape[0]):
        row, place = batch.roles[k] >> 1, batch.places[k] * RECORD
        flat = batch.vectors[row]
        norm = _dot(flat, 0, flat, 0)
        if batch.roles[k] & 1:
            _hear(s, place, batch, row, flat, norm)
        else:
            _compare(s, place, batch, row, flat, norm, ttl_ms, sums)
            _follow(s, place, batch, row)
            _keep(s, place, batch, row, flat, norm)


@part
def _name(key: int) -> int:
    """Shorten the key of an account; 0 stands for none."""
    short = np.int32(np.uint64(key) >> np.uint64(32))
    return int(short) if short != 0 or key == 0 else 1


@part
def _compare(
    s: _State,
    place: int,
    batch: _Batch,
    row: int,
    vector: NDArray[np.uint8],
    norm: int,
    ttl_ms: int,
    sums: NDArray[np.float64],
) -> None:
    """Say how a text is like the account's last ones, how far these spread, and how it is like what it answers."""
    ts, event, partner = batch.words[row, 0], batch.words[row, 2], _name(batch.words[row, 3])
    count, most, total = 0, 0, 0
    sums[:] = 0.0
    _add(sums, vector, 0, norm)
    for i in range(OWN):
        held = s.words[place + _EVENTS + i]
        if held == 0 or held == event or abs(ts - s.words[place + _TIMES + i]) > ttl_ms:
            continue
        at = 8 * (place + _VECTORS) + i * m.VECTOR_BYTES
        other = int(s.halves[2 * place + _NORMS + i])
        alike = _likeness(_dot(vector, 0, s.octets, at), norm, other)
        count, most, total = count + 1, max(most, alike), total + alike
        _add(sums, s.octets, at, other)
    if count:
        batch.measures[row, m.OWN_MAX] = most
        batch.measures[row, m.OWN_MEAN] = total // count
        length = 0.0
        for d in range(m.VECTOR_DIMENSIONS):
            length += sums[d] * sums[d]
        batch.measures[row, m.SPREAD] = int(1000 * max(0.0, 1.0 - length / (count + 1) ** 2) + 0.5)
    for i in range(OTHERS):
        if partner != 0 and s.halves[2 * place + _OTHER_NAMES + i] == partner:
            at = 8 * (place + _OTHER_VECTORS) + i * m.VECTOR_BYTES
            other = int(s.halves[2 * place + _OTHER_NORMS + i])
            batch.measures[row, m.ANSWER] = _likeness(_dot(vector, 0, s.octets, at), norm, other)


@part
def _add(sums: NDArray[np.float64], vector: NDArray[np.uint8], at: int, norm: int) -> None:
    scale = 1 / np.sqrt(norm) if norm > 0 else 0.0
    for k in range(m.VECTOR_BYTES):
        packed = np.int32(vector[at + k])
        sums[2 * k] += scale * ((packed & 15) - 8)
        sums[2 * k + 1] += scale * ((packed >> 4) - 8)


@part
def _follow(s: _State, place: int, batch: _Batch, row: int) -> None:
    """Say whether this step from the last text to the same account was taken with another one before."""
    partner, leader, newest, before = _name(batch.words[row, 3]), batch.shapes[row], -1, 0
    batch.measures[row, m.SCRIPT] = 0
    if partner == 0 or leader == 0:
        return
    for i in range(OWN):
        is_earlier = s.words[place + _TIMES + i] <= batch.words[row, 0]
        if (
            s.words[place + _EVENTS + i] not in (0, batch.words[row, 2])
            and s.halves[2 * place + _PARTNERS + i] == partner
            and is_earlier
            and s.words[place + _TIMES + i] > newest
        ):
            newest, before = s.words[place + _TIMES + i], s.halves[2 * place + _LEADERS + i]
    if before == 0:
        return
    mixed = (np.uint64(np.uint32(before)) << np.uint64(32) | np.uint64(np.uint32(leader))) * _MIX
    step, at = np.int32(mixed >> np.uint64(32)) | np.int32(1), int(mixed >> np.uint64(8) & np.uint64(0xFFFF)) % STEPS
    if s.halves[2 * place + _STEPS + at] != step:
        s.halves[2 * place + _STEPS + at], s.halves[2 * place + _STEP_PARTNERS + at] = step, partner
    elif s.halves[2 * place + _STEP_PARTNERS + at] != partner:
        batch.measures[row, m.SCRIPT] = 1


@part
def _keep(s: _State, place: int, batch: _Batch, row: int, vector: NDArray[np.uint8], norm: int) -> None:
    """Hold a text among the last ones, in place of the oldest."""
    ts, event, oldest = batch.words[row, 0], batch.words[row, 2], -1
    for i in range(OWN):
        held = s.words[place + _EVENTS + i]
        if held == event:
            return
        if oldest < 0 or _is_older(s, place, i, oldest):
            oldest = i
    other = s.words[place + _EVENTS + oldest]
    if other != 0 and (s.words[place + _TIMES + oldest], np.uint64(other)) > (ts, np.uint64(event)):
        return
    s.words[place + _EVENTS + oldest], s.words[place + _TIMES + oldest] = event, ts
    s.halves[2 * place + _PARTNERS + oldest] = _name(batch.words[row, 3])
    s.halves[2 * place + _LEADERS + oldest] = batch.shapes[row]
    s.halves[2 * place + _NORMS + oldest] = norm
    _copy(s, 8 * (place + _VECTORS) + oldest * m.VECTOR_BYTES, vector)


@part
def _is_older(s: _State, place: int, i: int, j: int) -> bool:
    """Tell whether text i is older than j; an empty place is older than all."""
    a, b = s.words[place + _EVENTS + i], s.words[place + _EVENTS + j]
    if a == 0 or b == 0:
        return bool(a == 0 and b != 0)
    x, y = s.words[place + _TIMES + i], s.words[place + _TIMES + j]
    return bool(x < y or (x == y and np.uint64(a) < np.uint64(b)))


@part
def _hear(s: _State, place: int, batch: _Batch, row: int, vector: NDArray[np.uint8], norm: int) -> None:
    """Hold what another account said last."""
    ts, name, chosen = batch.words[row, 0], _name(batch.words[row, 1]), 0
    for i in range(OTHERS):
        if s.halves[2 * place + _OTHER_NAMES + i] == name:
            chosen = i
            break
        if s.words[place + _OTHER_TIMES + i] < s.words[place + _OTHER_TIMES + chosen]:
            chosen = i
    if ts < s.words[place + _OTHER_TIMES + chosen]:
        return
    s.words[place + _OTHER_TIMES + chosen] = ts
    s.halves[2 * place + _OTHER_NAMES + chosen], s.halves[2 * place + _OTHER_NORMS + chosen] = name, norm
    _copy(s, 8 * (place + _OTHER_VECTORS) + chosen * m.VECTOR_BYTES, vector)


@part
def _copy(s: _State, at: int, vector: NDArray[np.uint8]) -> None:
    for k in range(m.VECTOR_BYTES):
        s.octets[at + k] = vector[k]
