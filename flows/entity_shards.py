"""The step that counts who shares an entity: a fixed slice of the entities, asked by every worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypedDict

import numpy as np
from bytewax.operators import StatefulBatchLogic

from detector.contract.times import DAY_MS
from features.entities import SharedEntities
from flows import metrics
from flows.batches import NO_WATERMARK_MS, Answer, EntityInput
from flows.checkpoints import NOWHERE, Checkpoints, Place, Segments
from flows.shards import restore
from flows.watermark import ShardWatermark

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


class EntityState(TypedDict):
    """An entity shard as the recovery store keeps it; its entities are in its checkpoints."""

    shard: int
    watermark_ms: int
    place: Place


class EntityLogic(StatefulBatchLogic[EntityInput, Answer, EntityState]):
    """One entity shard: lookups in, counts out, each batch's in the order it came."""

    def __init__(
        self, new: Callable[[], SharedEntities], sources: int, checkpoints: Checkpoints, state: EntityState | None
    ) -> None:
        self._entities = new()
        self._checkpoints = checkpoints
        self._number = state["shard"] if state else -1  # Bytewax tells a new logic nothing; the first input does
        self._watermark = ShardWatermark(sources, state["watermark_ms"] if state else NO_WATERMARK_MS)
        self._segments: Segments | None = None
        if state:
            restore(self._entities, checkpoints.read(self._number, state["place"]))
            self._begin(state["place"])
        self._to_sweep = 0

    def __len__(self) -> int:
        """Return the number of entities held."""
        return len(self._entities)

    def on_batch(self, values: list[EntityInput]) -> tuple[list[Answer], bool]:
        """Answer every lookup."""
        return [answer for value in values if (answer := self._process(value)) is not None], StatefulBatchLogic.RETAIN

    def snapshot(self) -> EntityState:
        """Write what changed in all entity shards, unless another did for this epoch."""
        assert self._segments is not None  # a shard that was given nothing is not asked
        self._checkpoints.write()
        metrics.record_entities(self._number, len(self._entities), self._entities.nbytes)
        return {
            "shard": self._number,
            "watermark_ms": self._watermark.value_ms,
            "place": self._segments.ended(),
        }

    def _begin(self, place: Place) -> None:
        self._segments = self._checkpoints.begin(self._number, self._entities, place)

    def _process(self, value: EntityInput) -> Answer | None:
        self._number = value.shard
        if self._segments is None:
            self._begin(NOWHERE)
        watermark_ms = self._watermark.observe(value.mark)
        lookup, answer = value.lookup, None
        if lookup is not None:
            counts = self._entities.process(lookup.keys, lookup.members, lookup.ts)
            answer = Answer(value.mark.source, lookup.number, value.shard, counts)
        self._sweep(watermark_ms, 0 if lookup is None else len(lookup.keys))
        return answer

    def _sweep(self, watermark_ms: int, rows: int) -> None:
        self._to_sweep += _SWEPT_AN_INPUT + _SWEPT_A_ROW * rows
        if self._to_sweep >= _SWEPT_AT_LEAST:
            # One event from a clock that is ahead moves the watermark; it must not sweep away what is in use today.
            self._entities.sweep(min(watermark_ms, int(time.time() * 1000)), self._to_sweep)
            self._to_sweep = 0
