"""The intake: a batch learns with whom its accounts share devices, texts and the like before they see it.

Its columns are derived where it was read. The entity shards, wherever they are, count its entities, and one place
groups all messages, while it waits on its own worker. Nothing overtakes it there, not even the tick that says how far
time has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from bytewax.operators import StatefulBatchLogic
from numpy.typing import NDArray

from features.details import Tails
from features.hashing import shard_of
from features.intake import Reader, arrive, fill, fill_texts
from features.messages import TEMPLATE
from features.plan import Plan
from features.sharing import Sharings
from flows.batches import (
    Answer,
    Asked,
    EntityInput,
    Incoming,
    Lookup,
    SourceBatch,
    TextAnswer,
    TextInput,
    Tick,
)
from flows.routing import shard_key
from flows.worker_table import OfWorker

_NOTHING: Final = Asked(np.zeros(0, np.int64), {})


@dataclass(frozen=True, slots=True)
class Reading:
    """How a worker reads batches: what is needed of them, who reads their texts, and what was said last."""

    plan: Plan
    reader: Reader | None
    tails: OfWorker[Tails] = field(default_factory=lambda: OfWorker(Tails))


def take_in(
    batch: SourceBatch | Tick, number: int, reading: Reading, entity_homes: NDArray[np.int64]
) -> Iterable[tuple[str, Incoming]]:
    """Send what accounts must hear of to the intake of the worker that read it."""
    key = shard_key(batch.mark.source)
    if isinstance(batch, Tick):
        return [(key, Incoming(number, batch.mark, None, _NOTHING))] if batch.moved else []
    if batch.events.is_empty():
        return []
    arrived = arrive(batch.events, reading.plan, reading.reader, reading.tails.get())
    return [(key, Incoming(number, batch.mark, arrived, asked_of(arrived.sharings, entity_homes)))]


def asked_of(shared: Sharings, homes: NDArray[np.int64]) -> Asked:
    """Say which worker to ask about what, by the home of each entity shard."""
    if not len(shared):
        return _NOTHING
    home = homes[shard_of(shared.key, len(homes))].astype(np.uint8)
    ends = np.cumsum(np.bincount(home)).tolist()
    spans = {s: slice(a, b) for s, (a, b) in enumerate(pairwise([0, *ends])) if b > a}
    return Asked(np.argsort(home, kind="stable"), spans)


def lookups_in(incoming: Incoming, homes: NDArray[np.int64]) -> Iterator[tuple[str, EntityInput]]:
    """Ask the workers; a tick goes to all of them."""
    lookups: dict[int, Lookup] = {}
    if incoming.asked.spans:
        assert incoming.arrived is not None
        columns, shared, order = incoming.arrived.columns, incoming.arrived.sharings, incoming.asked.order
        rows, keys = shared.row[order], shared.key[order]
        members, ts = columns.account[rows], columns.ts[rows]
        lookups = {
            home: Lookup(incoming.number, keys[span], members[span], ts[span])
            for home, span in incoming.asked.spans.items()
        }
    for shard, home in enumerate(homes.tolist()):
        if incoming.arrived is None or home in lookups:
            mark = incoming.mark if shard == home else None
            yield shard_key(shard), EntityInput(shard, mark, lookups.get(shard))


def texts_in(incoming: Incoming) -> Iterable[tuple[str, TextInput]]:
    """Ask about a batch's texts; a tick goes there too."""
    arrived = incoming.arrived
    read = None if arrived is None else arrived.messages
    if arrived is None or read is None:
        if arrived is None:
            yield shard_key(0), TextInput(incoming.number, incoming.mark, None)
        return
    event_ids = arrived.events["event_id"][read.rows]
    likeness = arrived.columns.measures[read.rows, TEMPLATE]
    yield shard_key(0), TextInput(incoming.number, incoming.mark, read, event_ids, likeness)


def answered(answer: Answer | TextAnswer) -> tuple[str, Answer | TextAnswer]:
    """Send an answer to the intake that waits for it."""
    return shard_key(answer.source), answer


class IntakeLogic(StatefulBatchLogic[Incoming | Answer | TextAnswer, Incoming, None]):
    """One worker's intake: holds batches, in order, until all answers about the first are in.

    It has no state of its own that could outlive an epoch: a batch's lookups and their answers belong to its epoch, and
    Bytewax asks for a snapshot when nothing of the epoch is on its way any more. It also is discarded whenever it
    holds nothing, so that a snapshot is only asked of one that does, and that must not be.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._early: list[Answer | TextAnswer] = []

    def on_batch(self, values: list[Incoming | Answer | TextAnswer]) -> tuple[list[Incoming], bool]:
        """Take batches and answers as they come, and give the batches that are complete."""
        answers, self._early = self._early, []
        for value in values:
            if isinstance(value, Answer | TextAnswer):
                answers.append(value)
            else:
                self._waiting[value.number] = _Waiting(value)
        for answer in answers:
            if answer.number in self._waiting:
                self._waiting[answer.number].add(answer)
            else:
                self._early.append(answer)  # its batch comes another way, and later
        return list(self._complete()), not (self._waiting or self._early)

    def snapshot(self) -> None:
        """Stop the worker: what waits here would be lost by a crash."""
        msg = f"an epoch ended while {len(self._waiting)} batches and {len(self._early)} answers wait in the intake"
        raise RuntimeError(msg)

    def _complete(self) -> Iterator[Incoming]:
        while self._waiting:
            number, first = next(iter(self._waiting.items()))
            if not first.complete:
                return
            del self._waiting[number]
            yield first.finish()


class _Waiting:
    """A batch, and the answers that are in."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._messages = None if incoming.arrived is None else incoming.arrived.messages
        self._missing = len(incoming.asked.spans) + (self._messages is not None)
        self._counts = np.empty((len(incoming.asked.order), 2), np.int32)

    @property
    def complete(self) -> bool:
        """Whether all who were asked have answered."""
        return not self._missing

    def add(self, answer: Answer | TextAnswer) -> None:
        """Take one answer."""
        self._missing -= 1
        if isinstance(answer, Answer):
            asked = self._incoming.asked
            self._counts[asked.order[asked.spans[answer.shard]]] = answer.counts
        elif self._incoming.arrived is not None and self._messages is not None:
            columns, rows = self._incoming.arrived.columns, self._messages.rows
            fill_texts(columns, rows, answer.grouped)
            if answer.likeness is not None:
                columns.measures[rows, TEMPLATE] = np.maximum(columns.measures[rows, TEMPLATE], answer.likeness)

    def finish(self) -> Incoming:
        """Put the counts where the accounts find them."""
        arrived = self._incoming.arrived
        if arrived is not None and len(self._counts):
            fill(arrived.columns, arrived.sharings, self._counts)
        return self._incoming
