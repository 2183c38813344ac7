"""The step that counts who shares an entity: fixed slices of the entities, asked by every worker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, TypedDict

import numpy as np
from bytewax.operators import StatefulBatchLogic

from detector.ceiling import UNLIMITED, Ceiling
from detector.contract.times import DAY_MS
from features.entities import SharedEntities
from flows import metrics
from flows.batches import Answer, EntityInput, Lookup, Mark
from flows.checkpoints import Place, Segments
from flows.worker_table import WorkerTable

_SWEPT_AN_INPUT: Final = 256
_SWEPT_A_ROW: Final = 4
"""How far the sweep goes: once around before a quarter can be added, and in quiet times within some minutes."""
_SWEPT_AT_LEAST: Final = 2048
"""How far it goes at once: each time has a price of its own."""


def warm() -> None:
    """Load what counting, checkpoints and sweeps need before events wait for it."""
    entities = SharedEntities(0)
    entities.process(np.ones(1, np.uint64), np.ones(1, np.uint64), np.zeros(1, np.int64))
    entities.changes()
    entities.sweep(2 * DAY_MS, 1)


@dataclass(frozen=True, slots=True)
class EntityLimit:
    """How many entities a worker holds, and for how long after their last use while there are no more."""

    held_max: int
    idle_ms: int


NO_LIMIT: Final = EntityLimit(UNLIMITED, DAY_MS)


class EntityState(TypedDict):
    """An entity shard as the recovery store keeps it; its entities are in its checkpoints."""

    shard: int
    watermark_ms: int
    place: Place


class EntityLogic(StatefulBatchLogic[EntityInput, Answer, EntityState]):
    """One entity shard of a worker: the first is given lookups for all of them, and answers in the order they came."""

    def __init__(
        self, worker: WorkerTable[SharedEntities], state: EntityState | None, limit: EntityLimit = NO_LIMIT
    ) -> None:
        self.worker, self._limit = worker, limit
        self._ceiling = Ceiling(limit.held_max, limit.idle_ms)
        self._number = state["shard"] if state else -1  # Bytewax tells a new logic nothing; the first input does
        self._leads = False
        self._segments: Segments | None = None
        if state:
            self._segments = worker.restore(self._number, state["place"], state["watermark_ms"])
        self._to_sweep = 0
        self._newest_ms = self._told = 0

    def on_batch(self, values: list[EntityInput]) -> tuple[list[Answer], bool]:
        """Answer every lookup."""
        if self._segments is None:
            self._number = values[0].shard
            self._segments = self.worker.begin(self._number)
        asked = [(value.mark, value.lookup) for value in values if value.mark is not None]
        answers = [self._process(mark, lookup) for mark, lookup in asked]
        return [answer for answer in answers if answer is not None], StatefulBatchLogic.RETAIN

    def snapshot(self) -> EntityState:
        """Write what changed in all of the worker's entity shards, unless another did for this epoch."""
        assert self._segments is not None  # a shard that was given nothing is not asked
        self.worker.write()
        if self._leads:
            entities = self.worker.table
            metrics.record_entities(self._number, len(entities), entities.nbytes)
            metrics.record_forgotten("entities", self._ceiling.forgotten - self._told)
            self._told = self._ceiling.forgotten
        return {
            "shard": self._number,
            "watermark_ms": self.worker.watermark.value_ms,
            "place": self._segments.ended(),
        }

    def _process(self, mark: Mark, lookup: Lookup | None) -> Answer | None:
        self._leads, answer = True, None
        watermark_ms = self.worker.watermark.observe(mark)
        if lookup is not None:
            counts = self.worker.table.process(lookup.keys, lookup.members, lookup.ts)
            answer = Answer(mark.source, lookup.number, self._number, counts)
            self._make_room(lookup)
            self.worker.write_early(len(lookup.keys))
        self._sweep(watermark_ms, 0 if lookup is None else len(lookup.keys))
        return answer

    def _make_room(self, lookup: Lookup) -> None:
        self._newest_ms = int(lookup.ts.max(initial=self._newest_ms))
        if self._ceiling.exceeded(self.worker.table):
            at_ms = min(self._newest_ms, int(time.time() * 1000))
            self._ceiling.keep(self.worker.table, at_ms, self._forget)

    def _forget(self, before_ms: int, steps: int) -> None:
        self.worker.table.sweep(before_ms + self._limit.idle_ms, steps)

    def _sweep(self, watermark_ms: int, rows: int) -> None:
        self._to_sweep += _SWEPT_AN_INPUT + _SWEPT_A_ROW * rows
        if self._to_sweep >= _SWEPT_AT_LEAST:
            # One event from a clock that is ahead moves the watermark; it must not sweep away what is in use today.
            self.worker.table.sweep(min(watermark_ms, int(time.time() * 1000)), self._to_sweep)
            self._to_sweep = 0
