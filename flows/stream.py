"""The flow, as a table of contents: events in, entities counted, split by shard, judged, out to Kafka and the lake.

Step ids are API: recovery state hangs on them, and renaming one loses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink

from detector.shard_batch import split
from flows.batches import Answer, Incoming, ShardInput, ShardOutput, SourceBatch, Tick
from flows.checkpoints import Checkpoints
from flows.entity_shards import EntityLogic
from flows.intake import IntakeLogic, answered, lookups_in, take_in
from flows.lake_rows import LakeItem, dead_rows
from flows.records import Record, dead_letter_records, decision_records, score_records
from flows.routing import part_key, shard_key
from flows.shards import Judge, ShardLogic
from flows.tally import Tally

FLOW: Final = "gillnet"
Keyed = tuple[str, Sequence[Record]]
"""Records and the partition they go to."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where output goes; without a sink for scores they are only in the lake."""

    decisions: Sink[Keyed]
    dead_letters: Sink[Keyed]
    lake: Sink[tuple[str, LakeItem]]
    scores: Sink[Keyed] | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """How output is spread: fixed when a deployment begins, so that an account's decisions keep their partition."""

    events_topic: str
    decisions: int
    dead_letters: int
    scores: int
    lanes: int


def build(source: Source[SourceBatch | Tick], judge: Judge, routes: Routes, sinks: Sinks, tally: Tally) -> Dataflow:
    """Wire the flow."""
    flow = Dataflow(FLOW)
    batches = op.input("events", flow, source)
    refused = op.flat_map("refused", batches, lambda batch: refused_in(batch, routes))
    op.output("dead_letters", refused, sinks.dead_letters)

    numbers = count()
    taken = op.flat_map("take_in", batches, lambda batch: take_in(batch, next(numbers), judge))
    counted = _count_entities(taken, judge) if judge.plan.kinds else taken
    by_shard = op.flat_map("split", counted, lambda keyed: by_account_shard(keyed[1], judge.shards))
    kept = Checkpoints(judge.checkpoints, "accounts")
    judged = op.stateful_batch("account_shards", by_shard, lambda state: ShardLogic(judge, kept, tally, state))

    decided = op.flat_map("decided", judged, lambda keyed: decided_by(keyed[1], routes))
    op.output("decisions", decided, sinks.decisions)
    if sinks.scores is not None:
        scored = op.flat_map("scored", judged, lambda keyed: scored_by(keyed[1], routes))
        op.output("scores", scored, sinks.scores)

    source_rows = op.flat_map("source_rows", batches, lambda batch: lake_items_of_source(batch, routes))
    shard_rows = op.flat_map("shard_rows", judged, lambda keyed: lake_item_of_shard(keyed[1], routes))
    op.output("lake", op.merge("lake_rows", source_rows, shard_rows), sinks.lake)
    return flow


def _count_entities(taken: KeyedStream[Incoming], judge: Judge) -> KeyedStream[Incoming]:
    """Let the entity shards count, and batches wait for it on the worker that read them."""
    lookups = op.flat_map("lookups", taken, lambda keyed: lookups_in(keyed[1], judge.entity_shards))
    kept = Checkpoints(judge.checkpoints, "entities")
    answers = op.stateful_batch(
        "entity_shards", lookups, lambda state: EntityLogic(judge.new_entities, judge.sources, kept, state)
    )
    returned = op.map("answers", answers, lambda keyed: answered(keyed[1]))
    both: KeyedStream[Incoming | Answer] = op.merge("to_intake", taken, returned)
    return op.stateful_batch("intake", both, lambda _: IntakeLogic())


def by_account_shard(incoming: Incoming, shards: int) -> Iterator[tuple[str, ShardInput]]:
    """Cut a batch into its shards; a tick goes to all of them."""
    if incoming.arrived is None:
        for shard in range(shards):
            yield shard_key(shard), ShardInput(shard, incoming.mark, None)
    else:
        for shard, part in split(incoming.arrived, shards):
            yield shard_key(shard), ShardInput(shard, incoming.mark, part)


def refused_in(batch: SourceBatch | Tick, routes: Routes) -> Iterable[Keyed]:
    """Send what was refused to the partition of the dead letters that answers to its own."""
    if isinstance(batch, SourceBatch) and batch.refused:
        records = tuple(dead_letter_records(batch, routes.events_topic))
        return [(part_key(batch.partition % routes.dead_letters), records)]
    return []


def decided_by(output: ShardOutput, routes: Routes) -> Iterable[Keyed]:
    """Send a shard's decisions to its partition; an account's are always in one, in order."""
    if not output.result.decisions:
        return []
    records = decision_records(output.result.decisions, output.arrived_ms)
    return [(part_key(output.shard % routes.decisions), records)]


def scored_by(output: ShardOutput, routes: Routes) -> Iterable[Keyed]:
    """Send a shard's scores to its partition."""
    if not len(output.result.processed):
        return []
    return [(part_key(output.shard % routes.scores), score_records(output.result.scores))]


def lake_items_of_source(batch: SourceBatch | Tick, routes: Routes) -> Iterator[tuple[str, LakeItem]]:
    """Send dead letters to a lane; a tick goes to all lanes, so that they publish while nothing comes."""
    if isinstance(batch, Tick):
        for lane in range(routes.lanes):
            yield part_key(lane), ()
    elif batch.refused:
        yield part_key(batch.partition % routes.lanes), dead_rows(batch, routes.events_topic)


def lake_item_of_shard(output: ShardOutput, routes: Routes) -> Iterable[tuple[str, LakeItem]]:
    """Send what a shard made to its lane."""
    result = output.result
    return [(part_key(output.shard % routes.lanes), result)] if len(result.outcomes) or result.decisions else []
