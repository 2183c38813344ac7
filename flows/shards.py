"""The stateful step: an account shard of the engine inside Bytewax."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypedDict

import numpy as np
import polars as pl
from bytewax.operators import StatefulBatchLogic
from numpy.typing import NDArray

from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA
from detector.engine import OUTCOMES, AccountShard, ShardResult
from detector.shard_batch import ShardBatch, whole
from features.entities import SharedEntities
from features.intake import arrive
from features.plan import Plan
from flows import metrics
from flows.batches import NO_WATERMARK_MS, ShardInput, ShardOutput
from flows.checkpoints import NOWHERE, Checkpoints, Place, Segments
from flows.tally import Tally
from flows.watermark import ShardWatermark

_PLACED: Final = {"arrived_at": pl.Int64(), "partition": pl.Int32(), "offset": pl.Int64()}


class ShardState(TypedDict):
    """A shard as the recovery store keeps it; its accounts are in its checkpoints."""

    shard: int
    watermark_ms: int
    counts: dict[str, int]
    place: Place


@dataclass(frozen=True, slots=True)
class Judge:
    """How accounts are judged: the plan, the shards of accounts and entities, how many of each, what feeds them."""

    plan: Plan
    new_shard: Callable[[], AccountShard]
    shards: int
    new_entities: Callable[[], SharedEntities]
    entity_shards: int
    sources: int
    """How many workers read partitions, and so send marks."""
    checkpoints: Path
    """The folder of the shards' states."""

    def nothing(self) -> ShardBatch:
        """Make a batch without events, for the time that passes."""
        frame = pl.DataFrame(schema={**EVENT_SCHEMA, **_PLACED})
        return whole(arrive(frame, self.plan))


class ShardLogic(StatefulBatchLogic[ShardInput, ShardOutput, ShardState]):
    """One shard: batches in, results out, its state kept by Bytewax from epoch to epoch.

    What it counts and times is told at snapshots only: telling it with every batch costs as much as a small batch.
    """

    def __init__(self, judge: Judge, checkpoints: Checkpoints, tally: Tally, state: ShardState | None) -> None:
        self._nothing = judge.nothing()
        self._tally = tally
        self._checkpoints = checkpoints
        self._accounts = judge.new_shard()
        self._number = state["shard"] if state else -1  # Bytewax tells a new logic nothing; the first batch does
        counts = state["counts"] if state else {}
        self._counts = np.array([counts.get(name, 0) for name in OUTCOMES])
        self._told = self._counts.copy()
        self._seconds: list[float] = []
        self._waited_ms: list[NDArray[np.int64]] = []
        self._watermark = ShardWatermark(judge.sources, state["watermark_ms"] if state else NO_WATERMARK_MS)
        self._segments: Segments | None = None
        if state:
            restore(self._accounts, checkpoints.read(self._number, state["place"]))
            self._begin(state["place"])
            self._tally.shards[self._number] = dict(counts)

    def on_batch(self, values: list[ShardInput]) -> tuple[list[ShardOutput], bool]:
        """Process each batch in the order it came; joining them first would cost more than it saves."""
        return [self._process(value) for value in values], StatefulBatchLogic.RETAIN

    def snapshot(self) -> ShardState:
        """Write what changed in all shards, unless another did for this epoch, and tell what this one did."""
        assert self._segments is not None  # a shard that was given nothing is not asked
        self._checkpoints.write()
        counts = dict(zip(OUTCOMES, self._counts.tolist(), strict=True))
        self._tally.shards[self._number] = counts
        self._tell_metrics()
        return {
            "shard": self._number,
            "watermark_ms": self._watermark.value_ms,
            "counts": counts,
            "place": self._segments.ended(),
        }

    def _begin(self, place: Place) -> None:
        self._segments = self._checkpoints.begin(self._number, self._accounts, place)

    def _process(self, value: ShardInput) -> ShardOutput:
        self._number = value.shard
        if self._segments is None:
            self._begin(NOWHERE)
        started, now_ms = time.perf_counter(), int(time.time() * 1000)
        watermark_ms = self._watermark.observe(value.mark)
        result = self._accounts.process(value.batch or self._nothing, watermark_ms, now_ms)
        if not len(result.outcomes):
            return ShardOutput(self._number, result, {})
        self._counts += np.bincount(result.outcomes, minlength=len(OUTCOMES))
        self._seconds.append(time.perf_counter() - started)
        return ShardOutput(self._number, result, self._arrivals(result))

    def _arrivals(self, result: ShardResult) -> dict[str, int]:
        """Say when the events behind decisions arrived; the others are done now, and their time is noted."""
        events, now_ms = result.batch.events, int(time.time() * 1000)
        arrived = events.get_column("arrived_at")
        deciding = [decision.event_id for decision in result.decisions if decision.event_id is not None]
        if not deciding:
            self._waited_ms.append(now_ms - arrived.to_numpy())
            return {}
        decides = events["event_id"].is_in(deciding)
        self._waited_ms.append(now_ms - arrived.filter(~decides).to_numpy())
        return dict(zip(events["event_id"].filter(decides), arrived.filter(decides), strict=True))

    def _tell_metrics(self) -> None:
        metrics.record_snapshot(self._number, len(self._accounts), self._accounts.nbytes)
        since = dict(zip(OUTCOMES, (self._counts - self._told).tolist(), strict=True))
        metrics.record_shard_results(since, np.array(self._seconds))
        if self._waited_ms:
            metrics.record_end_to_end(np.concatenate(self._waited_ms))
        self._told, self._seconds, self._waited_ms = self._counts.copy(), [], []


class Restored(Protocol):
    """A state that is made of what another told."""

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what was told."""


def restore(state: Restored, told: Iterable[dict[str, NDArray[Any]]]) -> None:
    """Go on from checkpoints, or say what to do about those of another version."""
    try:
        for changes in told:
            state.apply(changes)
    except ValueError as error:
        raise UsageError(str(error)) from error


def record_committed(decisions_arrived_ms: list[int]) -> None:
    """Record the time from arrival to a decision that can be read."""
    metrics.record_end_to_end(int(time.time() * 1000) - np.array(decisions_arrived_ms, dtype=np.int64))
