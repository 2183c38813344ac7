"""The intake: a batch learns with whom its accounts share devices, texts and the like before they see it.

Its columns are derived where it was read. The entity shards, wherever they are, count its entities, while it waits on
its own worker. Nothing overtakes it there, not even the tick that says how far time has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from bytewax.operators import StatefulBatchLogic
from numpy.typing import NDArray

from features.hashing import shard_of
from features.intake import arrive, fill
from features.plan import Plan
from features.sharing import Sharings
from flows.batches import Answer, Asked, EntityInput, Incoming, Lookup, SourceBatch, Tick
from flows.routing import shard_key

_NOTHING: Final = Asked(np.zeros(0, np.int64), {})


def take_in(
    batch: SourceBatch | Tick, number: int, plan: Plan, entity_homes: NDArray[np.int64]
) -> Iterable[tuple[str, Incoming]]:
    """Send what accounts must hear of to the intake of the worker that read it."""
    key = shard_key(batch.mark.source)
    if isinstance(batch, Tick):
        return [(key, Incoming(number, batch.mark, None, _NOTHING))] if batch.moved else []
    if batch.events.is_empty():
        return []
    arrived = arrive(batch.events, plan)
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


def answered(answer: Answer) -> tuple[str, Answer]:
    """Send an answer to the intake that waits for it."""
    return shard_key(answer.source), answer


class IntakeLogic(StatefulBatchLogic[Incoming | Answer, Incoming, None]):
    """One worker's intake: holds batches, in order, until all counts of the first are in.

    It has no state of its own that could outlive an epoch: a batch's lookups and their answers belong to its epoch, and
    Bytewax asks for a snapshot when nothing of the epoch is on its way any more. It also is discarded whenever it
    holds nothing, so that a snapshot is only asked of one that does, and that must not be.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._early: list[Answer] = []

    def on_batch(self, values: list[Incoming | Answer]) -> tuple[list[Incoming], bool]:
        """Take batches and answers as they come, and give the batches that are complete."""
        answers, self._early = self._early, []
        for value in values:
            if isinstance(value, Answer):
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
    """A batch, and the counts that are in."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._missing = len(incoming.asked.spans)
        self._counts = np.empty((len(incoming.asked.order), 2), np.int32)

    @property
    def complete(self) -> bool:
        """Whether every worker has answered."""
        return not self._missing

    def add(self, answer: Answer) -> None:
        """Take one worker's answer."""
        asked = self._incoming.asked
        self._counts[asked.order[asked.spans[answer.shard]]] = answer.counts
        self._missing -= 1

    def finish(self) -> Incoming:
        """Put the counts where the accounts find them."""
        arrived = self._incoming.arrived
        if arrived is not None and len(self._counts):
            fill(arrived.columns, arrived.sharings, self._counts)
        return self._incoming
