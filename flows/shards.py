"""The stateful step: the account shards of a worker inside Bytewax."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import numpy as np
import polars as pl
from bytewax.operators import StatefulBatchLogic
from numpy.typing import NDArray

from detector.campaign_files import AnalystFiles
from detector.contract.decisions import Decision
from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.escalation import Escalation
from detector.message_groups import MessageGroups
from detector.results import OUTCOMES, ShardResult, by_language
from detector.scoring import Judges
from detector.shard_batch import ShardBatch, whole
from features.entities import SharedEntities
from features.intake import Reader, arrive
from features.plan import Plan
from features.text.language import CODES
from flows import metrics
from flows.batches import Mark, ShardInput, ShardOutput
from flows.checkpoints import Checkpoints, Place, Segments
from flows.entity_shards import NO_LIMIT, EntityLimit
from flows.routing import homes
from flows.tally import Tally
from flows.worker_table import T, WorkerTable

_PLACED: Final = {"arrived_at": pl.Int64(), "partition": pl.Int32(), "offset": pl.Int64()}


def _nobody() -> None:
    """Read nothing again."""


class ShardState(TypedDict):
    """A shard as the recovery store keeps it; its accounts are in its checkpoints."""

    shard: int
    watermark_ms: int
    counts: dict[str, int]
    """Of events by outcome: those of all its worker's shards, while it was the first of them."""
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
    workers: int = 1
    reader: Reader | None = None
    """Who reads texts; without, nothing is known of them but their own bytes."""
    new_groups: Callable[[], MessageGroups] = MessageGroups
    decided: Callable[[], Sequence[Decision]] = tuple
    """Gives the decisions published since it was last asked."""
    analysts: AnalystFiles | None = None
    judges: Callable[[], Judges] | None = None
    """Says who judges, asked at every batch; without, the model of ``new_shard`` always does."""
    entity_limit: EntityLimit = NO_LIMIT
    new_escalation: Callable[[], Escalation | None] = _nobody
    """Makes who reads messages in doubt again."""
    epoch_seconds: float = math.inf
    """How long an epoch is; what is known of its end is written just before."""

    @property
    def reads(self) -> bool:
        """Whether texts are read, and so grouped."""
        return self.reader is not None and "message" in self.plan.needs

    @property
    def homes(self) -> NDArray[np.int64]:
        """Say for each account shard which is the first of those on its worker."""
        return np.array(homes(self.shards, self.workers))

    @property
    def entity_homes(self) -> NDArray[np.int64]:
        """Say the same of the entity shards."""
        return np.array(homes(self.entity_shards, self.workers))

    def accounts_of_worker(self) -> WorkerTable[AccountShard]:
        """Make the table for a worker's account shards."""
        return self._table(self.new_shard(), self.shards, "accounts")

    def entities_of_worker(self) -> WorkerTable[SharedEntities]:
        """Make the table for a worker's entity shards."""
        return self._table(self.new_entities(), self.entity_shards, "entities")

    def groups_of_worker(self) -> WorkerTable[MessageGroups]:
        """Make the table for the worker where all messages meet."""
        return self._table(self.new_groups(), 1, "texts")

    def _table(self, table: T, shards: int, kind: str) -> WorkerTable[T]:
        return WorkerTable(table, shards, self.sources, Checkpoints(self.checkpoints, kind), self.epoch_seconds)

    def nothing(self) -> ShardBatch:
        """Make a batch without events, for the time that passes."""
        frame = pl.DataFrame(schema={**EVENT_SCHEMA, **_PLACED})
        return whole(arrive(frame, self.plan))


class ShardLogic(StatefulBatchLogic[ShardInput, ShardOutput, ShardState]):
    """One shard of a worker: the first is given batches for all of them, each has a state that moves by itself.

    What it counts and times is told at snapshots only: telling it with every batch costs as much as a small batch.
    """

    def __init__(self, judge: Judge, worker: WorkerTable[AccountShard], tally: Tally, state: ShardState | None) -> None:
        self._judge, self._worker, self._tally = judge, worker, tally
        self._number = state["shard"] if state else -1  # Bytewax tells a new logic nothing; the first input does
        counts = state["counts"] if state else {}
        self._counts = np.array([counts.get(name, 0) for name in OUTCOMES])
        self._told = self._counts.copy()
        self._seconds: list[float] = []
        self._waited_ms: list[NDArray[np.int64]] = []
        self._languages = np.zeros((len(CODES), 2), np.int64)
        self._leads, self._forgotten = False, 0
        self._segments: Segments | None = None
        if state:
            self._segments = worker.restore(self._number, state["place"], state["watermark_ms"])
            self._tally.shards[self._number] = dict(counts)

    def on_batch(self, values: list[ShardInput]) -> tuple[list[ShardOutput], bool]:
        """Process each batch in the order it came; joining them first would cost more than it saves."""
        if self._segments is None:
            self._number = values[0].shard
            self._segments = self._worker.begin(self._number)
        outputs = [self._process(value.mark, value.batch) for value in values if value.mark is not None]
        return outputs, StatefulBatchLogic.RETAIN

    def snapshot(self) -> ShardState:
        """Write what changed in all shards, unless another did for this epoch, and tell what this one did."""
        assert self._segments is not None  # a shard that was given nothing is not asked
        self._worker.write()
        counts = dict(zip(OUTCOMES, self._counts.tolist(), strict=True))
        self._tally.shards[self._number] = counts
        if self._leads:
            self._tell_metrics()
        return {
            "shard": self._number,
            "watermark_ms": self._worker.watermark.value_ms,
            "counts": counts,
            "place": self._segments.ended(),
        }

    def _process(self, mark: Mark, batch: ShardBatch | None) -> ShardOutput:
        self._leads = True
        started, now_ms = time.perf_counter(), int(time.time() * 1000)
        watermark_ms = self._worker.watermark.observe(mark)
        if self._judge.judges is not None:
            self._worker.table.use(self._judge.judges())
        result = self._worker.table.process(batch or self._judge.nothing(), watermark_ms, now_ms)
        if not len(result.outcomes):
            return ShardOutput(self._number, result, {})
        self._worker.write_early(len(result.outcomes))
        self._counts += np.bincount(result.outcomes, minlength=len(OUTCOMES))
        self._languages += result.languages()
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
        accounts = self._worker.table
        metrics.record_snapshot(self._number, len(accounts), accounts.nbytes)
        metrics.record_drift(accounts.drift())
        metrics.record_languages(by_language(self._languages))
        self._languages[:] = 0
        metrics.record_forgotten("accounts", accounts.forgotten - self._forgotten)
        self._forgotten = accounts.forgotten
        since = dict(zip(OUTCOMES, (self._counts - self._told).tolist(), strict=True))
        metrics.record_shard_results(since, np.array(self._seconds))
        if self._waited_ms:
            metrics.record_end_to_end(np.concatenate(self._waited_ms))
        self._told, self._seconds, self._waited_ms = self._counts.copy(), [], []


def record_committed(decisions_arrived_ms: list[int]) -> None:
    """Record the time from arrival to a decision that can be read."""
    metrics.record_end_to_end(int(time.time() * 1000) - np.array(decisions_arrived_ms, dtype=np.int64))
