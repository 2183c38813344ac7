"""The source: Kafka partitions in, one columnar batch at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict

import numpy as np
import polars as pl
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Message

from detector.contract.dead_letters import DecodeLimits
from detector.contract.decode import decode
from detector.settings import Settings
from flows import metrics
from flows.batches import NO_WATERMARK_MS, Mark, Refused, SourceBatch, Tick
from flows.clients import offset_of
from flows.reader import Reader
from flows.routing import part_key
from flows.tally import Tally
from flows.watermark import SourceWatermark

TICK_SECONDS: Final = 1.0
_NAP: Final = timedelta(milliseconds=2)
_LONG_NAP: Final = timedelta(milliseconds=20)
_QUIET_SECONDS: Final = 2.0


class PartitionState(TypedDict):
    """Where a partition stands: what a restart continues from."""

    offset: int | None
    newest_ms: int | None
    read: int
    dead: int


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How this worker reads: its number, whether it stops at the end, and the flag that makes it stop."""

    index: int
    until_end: bool
    draining: threading.Event
    limits: DecodeLimits


class EventsSource(FixedPartitionedSource[SourceBatch | Tick, PartitionState]):
    """All partitions of the events topic; Bytewax gives each worker its share."""

    def __init__(self, settings: Settings, partitions: int, options: SourceOptions, tally: Tally) -> None:
        self.options = options
        self.tally = tally
        self.watermark = SourceWatermark(settings.idle_partition_seconds)
        self._settings = settings
        self._partitions = partitions
        self._reader: Reader | None = None
        self._parts: list[EventsPartition] = []
        self._ticked_at = time.monotonic()
        self._ticked: Mark | None = None

    @property
    def reader(self) -> Reader:
        """The worker's consumer, made when first needed, in the process that uses it."""
        if self._reader is None:
            self._reader = Reader(self._settings, tell_ends=self.options.until_end)
        return self._reader

    def list_parts(self) -> list[str]:
        """Name every partition."""
        return [part_key(part) for part in range(self._partitions)]

    def build_part(self, step_id: str, for_part: str, resume_state: PartitionState | None) -> EventsPartition:
        """Continue a partition, or begin it."""
        del step_id
        part = EventsPartition(self, int(for_part), resume_state)
        self._parts.append(part)
        return part

    def mark(self) -> Mark:
        """Say how far this worker's partitions are."""
        return Mark(self.options.index, self.watermark.value(time.monotonic()))

    def tick(self) -> Tick | None:
        """Give a tick when one is due."""
        now = time.monotonic()
        if now < self._ticked_at + TICK_SECONDS:
            return None
        mark = self.mark()
        moved = mark != self._ticked
        self._ticked_at, self._ticked = now, mark
        self._measure(mark)
        return Tick(mark, moved)

    def close(self) -> None:
        """Tell the group the last offsets and leave; called when all is durable."""
        if self._reader is not None:
            offsets = {part.number: part.offset for part in self._parts if part.offset is not None}
            self._reader.commit(offsets, wait=True)
            self._reader.close()

    def _measure(self, mark: Mark) -> None:
        lags = {part.number: self.reader.lag(part.number, part.offset or 0) for part in self._parts}
        metrics.record_lag({number: lag for number, lag in lags.items() if lag is not None})
        if mark.watermark_ms is not None and mark.watermark_ms != NO_WATERMARK_MS:
            metrics.record_watermark(mark.watermark_ms, int(time.time() * 1000))


class EventsPartition(StatefulSourcePartition[SourceBatch | Tick, PartitionState]):
    """One Kafka partition."""

    def __init__(self, source: EventsSource, number: int, state: PartitionState | None) -> None:
        self.number = number
        self._source = source
        self._state: PartitionState = state or {"offset": None, "newest_ms": None, "read": 0, "dead": 0}
        self._snapshotted: int | None = None
        self._busy_at = time.monotonic()
        self._busy = True
        source.reader.add(number, self._state["offset"])
        source.watermark.add(number, self._state["newest_ms"], self._busy_at)
        self._count()

    @property
    def offset(self) -> int | None:
        """The offset of the next message to read; None before the first."""
        return self._state["offset"]

    def next_batch(self) -> list[SourceBatch | Tick]:
        """Give what has arrived, decoded; nothing when nothing has."""
        if self._source.options.draining.is_set():
            raise StopIteration
        messages = self._source.reader.take(self.number)
        self._busy = bool(messages)
        items: list[SourceBatch | Tick] = [self._batch(messages)] if messages else []
        if not items and self._source.options.until_end and self._source.reader.at_end(self.number):
            self._source.watermark.end(self.number)
            raise StopIteration
        tick = self._source.tick()
        return items if tick is None else [*items, tick]

    def next_awake(self) -> datetime | None:
        """Look again at once while messages flow, soon after, and less often when it has been quiet."""
        if self._busy:
            return None
        quiet = time.monotonic() - self._busy_at > _QUIET_SECONDS
        return datetime.now(UTC) + (_LONG_NAP if quiet else _NAP)

    def snapshot(self) -> PartitionState:
        """Say where a restart continues. The epoch before this one is durable now, so its offset can be told."""
        if self._snapshotted is not None:
            self._source.reader.commit({self.number: self._snapshotted})
        self._snapshotted = self._state["offset"]
        return self._state.copy()

    def _batch(self, messages: list[Message]) -> SourceBatch:
        seen_at_ms, self._busy_at = int(time.time() * 1000), time.monotonic()
        decoded = decode([m.value() or b"" for m in messages], self._source.options.limits, seen_at_ms)
        newest_ms = None
        if decoded.events.height:
            newest_ms = int(decoded.events["ts"].to_numpy().max())
            self._state["newest_ms"] = self._source.watermark.observe(self.number, newest_ms, self._busy_at)
        refused = tuple(Refused(offset_of(messages[dead.row]), messages[dead.row].key(), dead) for dead in decoded.dead)
        self._state["offset"] = offset_of(messages[-1]) + 1
        self._state["read"] += len(messages)
        self._state["dead"] += len(refused)
        self._count()
        metrics.record_source_batch(len(messages), Counter(d.cause for d in decoded.dead), newest_ms)
        events = _placed(decoded.events, decoded.rows, messages, self.number)
        return SourceBatch(self.number, events, refused, self._source.mark(), seen_at_ms)

    def _count(self) -> None:
        self._source.tally.sources[self.number] = {"read": self._state["read"], "dead": self._state["dead"]}


def _placed(
    events: pl.DataFrame, rows: np.ndarray[tuple[int], np.dtype[np.int64]], messages: list[Message], part: int
) -> pl.DataFrame:
    """Add to each event when and where it arrived."""
    arrived = np.array([message.timestamp()[1] for message in messages], dtype=np.int64)
    offsets = np.array([message.offset() for message in messages], dtype=np.int64)
    return events.hstack(
        [
            pl.Series("arrived_at", arrived[rows]),
            pl.Series("partition", np.full(len(rows), part, dtype=np.int32)),
            pl.Series("offset", offsets[rows]),
        ]
    )
