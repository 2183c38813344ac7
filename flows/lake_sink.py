"""The lake as a sink: rows are staged with their epoch and published once that epoch is durable."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypedDict

import polars as pl
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from detector.lake import LakeWriter
from detector.results import ShardResult
from flows import metrics
from flows.epoch_clock import EpochClock
from flows.kafka_sink import in_background
from flows.lake_plan import LakePlan
from flows.lake_rows import LakeItem, frames
from flows.routing import part_key

ROWS_AT_ONCE: Final = 1000


class LaneState(TypedDict):
    """The last epoch a lane staged, and the last it had published by then."""

    seq: int
    published: int


class LakeSink(FixedPartitionedSink[LakeItem, LaneState]):
    """Writes rows to the lane they are keyed by."""

    def __init__(self, plan: LakePlan, feature_names: Sequence[str], tell: Callable[[int, int], None]) -> None:
        """``tell`` takes each lane's number and the last epoch it staged."""
        self._plan = plan
        self._feature_names = feature_names
        self._tell = tell

    def list_parts(self) -> list[str]:
        """Name every lane."""
        return [part_key(lane) for lane in range(self._plan.lanes)]

    def part_fn(self, item_key: str) -> int:
        """Read the lane off the key."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: LaneState | None) -> LakeLane:
        """Take over a lane."""
        del step_id
        return LakeLane(self._plan, int(for_part), self._feature_names, resume_state, self._tell)


class LakeLane(StatefulSinkPartition[LakeItem, LaneState]):
    """One lane. When Bytewax asks for a snapshot, the previous one is durable and this one is not."""

    def __init__(
        self,
        plan: LakePlan,
        number: int,
        feature_names: Sequence[str],
        state: LaneState | None,
        tell: Callable[[int, int], None],
    ) -> None:
        self._number, self._tell = number, tell
        self._feature_names = feature_names
        self._items: list[LakeItem] = []
        self._writer = LakeWriter(plan.folder, plan.lane(number))
        self._state: LaneState = state or {"seq": 0, "published": 0}
        self._flush_seconds = plan.flush_seconds
        self._flushed_at = time.monotonic()
        self._publishing: tuple[int, Future[tuple[Path, ...]]] | None = None
        self._adding: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lake-rows")
        self._rows, self._epoch = 0, EpochClock(plan.epoch_seconds)
        self._writer.recover(self._state["seq"])
        self._tell(number, self._state["seq"])

    def write_batch(self, values: list[LakeItem]) -> None:
        """Keep what came until the epoch ends; rows are made meanwhile, so that its end waits for few of them."""
        self._items.extend(values)
        self._rows += sum(len(value.outcomes) for value in values if isinstance(value, ShardResult))
        if self._rows >= ROWS_AT_ONCE or self._epoch.ends_soon():
            self._hand_over()

    def snapshot(self) -> LaneState:
        """Stage the epoch that ends, and begin to publish what is durable when it is time."""
        durable, told = self._state["seq"], self._state["published"]
        self._writer.forget(told)  # the state that says so is durable
        published = self._published(durable, told)
        self._hand_over()
        for added in self._adding:
            added.result()
        self._adding = []
        self._writer.stage(durable + 1)
        self._state = {"seq": durable + 1, "published": published}
        self._tell(self._number, durable + 1)
        self._epoch.begin()
        return self._state.copy()

    def _hand_over(self) -> None:
        items, self._items, self._rows = self._items, [], 0
        if items:
            self._adding.append(self._pool.submit(self._add, items))

    def _add(self, items: Sequence[LakeItem]) -> None:
        for table, frame in frames(items, self._feature_names).items():
            self._writer.add(table, frame)

    def _published(self, durable: int, told: int) -> int:
        """Say up to where all is published; that goes on beside the stream, for it takes as long as many epochs."""
        if self._publishing is not None:
            seq, files = self._publishing
            if not files.done():
                return told
            count_files(files.result())
            self._publishing = None
            return seq
        if time.monotonic() >= self._flushed_at + self._flush_seconds:
            self._flushed_at = time.monotonic()
            self._publishing = durable, in_background(lambda: self._writer.publish(durable))
        return told


def count_files(files: tuple[Path, ...]) -> None:
    """Count published files and their rows."""
    for file in files:
        rows = int(pl.scan_parquet(file, hive_partitioning=False).select(pl.len()).collect().item())
        metrics.record_lake_file(file.parent.parent.name, rows)
