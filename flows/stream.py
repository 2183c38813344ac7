"""The flow, as a table of contents: events in, entities counted, split by shard, judged, out to Kafka and the lake.

Step ids are API: recovery state hangs on them, and renaming one loses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import bytewax.operators as op
import numpy as np
import polars as pl
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink
from numpy.typing import NDArray

from detector.contract.campaigns import campaign_number
from detector.shard_batch import gather
from features.hashing import keys, shard_of
from flows.batches import (
    Answer,
    CampaignsTold,
    Incoming,
    Recognised,
    ShardInput,
    ShardOutput,
    SourceBatch,
    TextAnswer,
    TextSaid,
    Tick,
)
from flows.entity_shards import EntityLogic
from flows.intake import IntakeLogic, Reading, answered, lookups_in, take_in, texts_in
from flows.lake_rows import LakeItem, contact_rows, dead_rows
from flows.records import Record, campaign_record, dead_letter_records, decision_records, score_records
from flows.routing import part_key, shard_key
from flows.shards import Judge, ShardLogic
from flows.tally import Tally
from flows.text_groups import TextLogic
from flows.worker_table import OfWorker

FLOW: Final = "gillnet"
Keyed = tuple[str, Sequence[Record]]
"""Records and the partition they go to."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where output goes; without a sink for scores they are only in the lake."""

    decisions: Sink[Keyed]
    dead_letters: Sink[Keyed]
    campaigns: Sink[Keyed]
    lake: Sink[tuple[str, LakeItem]]
    scores: Sink[Keyed] | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """How output is spread: fixed when a deployment begins, so that an account's decisions keep their partition."""

    events_topic: str
    shards: int
    decisions: int
    dead_letters: int
    campaigns: int
    scores: int
    lanes: int


def build(source: Source[SourceBatch | Tick], judge: Judge, routes: Routes, sinks: Sinks, tally: Tally) -> Dataflow:
    """Wire the flow."""
    flow = Dataflow(FLOW)
    batches = op.input("events", flow, source)
    refused = op.flat_map("refused", batches, lambda batch: refused_in(batch, routes))
    op.output("dead_letters", refused, sinks.dead_letters)

    numbers, homes, entity_homes = count(), judge.homes, judge.entity_homes
    reading = Reading(judge.plan, judge.reader)
    taken = op.flat_map("take_in", batches, lambda batch: take_in(batch, next(numbers), reading, entity_homes))
    grouped = _group_texts(taken, judge) if judge.reads else None
    counted = _ask(taken, judge, grouped) if judge.plan.kinds or judge.reads else taken
    by_worker = op.flat_map("split", counted, lambda keyed: split_by_worker(keyed[1], homes))
    accounts = OfWorker(judge.accounts_of_worker)
    judged = op.stateful_batch(
        "account_shards", by_worker, lambda state: ShardLogic(judge, accounts.get(), tally, state)
    )

    decided = op.flat_map("decided", judged, lambda keyed: decided_by(keyed[1], routes))
    op.output("decisions", decided, sinks.decisions)
    if sinks.scores is not None:
        scored = op.flat_map("scored", judged, lambda keyed: scored_by(keyed[1], routes))
        op.output("scores", scored, sinks.scores)

    source_rows = op.flat_map("source_rows", batches, lambda batch: lake_items_of_source(batch, routes))
    shard_rows = op.flat_map("shard_rows", judged, lambda keyed: lake_item_of_shard(keyed[1], routes))
    contacts = op.flat_map("contact_rows", taken, lambda keyed: lake_items_of_texts(keyed[1], routes))
    rows = [source_rows, contacts, shard_rows]
    if grouped is not None:
        told = op.flat_map("campaign_records", grouped, lambda keyed: campaigns_told(keyed[1], routes))
        op.output("campaigns", told, sinks.campaigns)
        rows.append(op.flat_map("campaign_rows", grouped, lambda keyed: lake_items_of_campaigns(keyed[1])))
    op.output("lake", op.merge("lake_rows", *rows), sinks.lake)
    return flow


def _ask(taken: KeyedStream[Incoming], judge: Judge, grouped: KeyedStream[TextSaid] | None) -> KeyedStream[Incoming]:
    """Let the entity shards count and messages be grouped, and batches wait for it on the worker that read them."""
    returned = _count_entities(taken, judge)
    if grouped is not None:
        said = op.flat_map("grouped", grouped, lambda keyed: answers_in(keyed[1]))
        returned = op.merge("all_answers", returned, said)
    both: KeyedStream[Incoming | Answer | TextAnswer] = op.merge("to_intake", taken, returned)
    return op.stateful_batch("intake", both, lambda _: IntakeLogic())


def _group_texts(taken: KeyedStream[Incoming], judge: Judge) -> KeyedStream[TextSaid]:
    """Find near duplicates and campaigns, in one place."""
    groups, escalation = OfWorker(judge.groups_of_worker), OfWorker(judge.new_escalation)
    texts = op.flat_map("texts", taken, lambda keyed: texts_in(keyed[1]))
    return op.stateful_batch(
        "text_groups",
        texts,
        lambda state: TextLogic(groups.get(), judge.decided, judge.analysts, state, escalation.get()),
    )


def _count_entities(taken: KeyedStream[Incoming], judge: Judge) -> KeyedStream[Answer | TextAnswer]:
    homes, entities = judge.entity_homes, OfWorker(judge.entities_of_worker)
    lookups = op.flat_map("lookups", taken, lambda keyed: lookups_in(keyed[1], homes))
    answers = op.stateful_batch(
        "entity_shards", lookups, lambda state: EntityLogic(entities.get(), state, judge.entity_limit)
    )
    return op.map("answers", answers, lambda keyed: answered(keyed[1]))


def split_by_worker(incoming: Incoming, homes: NDArray[np.int64]) -> Iterator[tuple[str, ShardInput]]:
    """Cut a batch into its workers' parts; a tick goes to all of them."""
    parts = {} if incoming.arrived is None else dict(gather(incoming.arrived, homes))
    for shard, home in enumerate(homes.tolist()):
        if incoming.arrived is None or home in parts:
            mark = incoming.mark if shard == home else None
            yield shard_key(shard), ShardInput(shard, mark, parts.get(shard))


def answers_in(said: TextSaid) -> Iterator[tuple[str, Answer | TextAnswer]]:
    """Send an answer about texts to the intake that waits for it."""
    if isinstance(said, TextAnswer):
        yield answered(said)


def campaigns_told(said: TextSaid, routes: Routes) -> Iterator[Keyed]:
    """Send campaigns to their partitions; one's are always in one, in order."""
    if isinstance(said, CampaignsTold):
        for campaign in said.campaigns:
            part = campaign_number(campaign.campaign_id) % routes.campaigns
            yield part_key(part), (campaign_record(campaign),)


def lake_items_of_campaigns(said: TextSaid) -> Iterator[tuple[str, LakeItem]]:
    """Send campaigns, and messages that were recognised, to the first lane."""
    if isinstance(said, CampaignsTold | Recognised):
        yield part_key(0), said


def refused_in(batch: SourceBatch | Tick, routes: Routes) -> Iterable[Keyed]:
    """Send what was refused to the partition of the dead letters that answers to its own."""
    if isinstance(batch, SourceBatch) and batch.refused:
        records = tuple(dead_letter_records(batch, routes.events_topic))
        return [(part_key(batch.partition % routes.dead_letters), records)]
    return []


def decided_by(output: ShardOutput, routes: Routes) -> Iterable[Keyed]:
    """Send decisions to the partitions of their accounts' shards; an account's are always in one, in order."""
    decisions = output.result.decisions
    accounts = pl.Series("account_id", [decision.account_id for decision in decisions], pl.String)
    for partition, rows in _by_partition(accounts, routes.shards, routes.decisions):
        yield partition, decision_records(tuple(decisions[row] for row in rows.tolist()), output.arrived_ms)


def scored_by(output: ShardOutput, routes: Routes) -> Iterable[Keyed]:
    """Send scores to the partitions of their accounts' shards."""
    scores = output.result.scores
    for partition, rows in _by_partition(scores["account_id"], routes.shards, routes.scores):
        yield partition, score_records(scores[rows])


def _by_partition(accounts: pl.Series, shards: int, partitions: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Group rows by the partition of their account's shard, whatever worker that is on."""
    if len(accounts):
        partition = shard_of(keys(accounts), shards) % partitions
        for part in np.unique(partition).tolist():
            yield part_key(part), np.flatnonzero(partition == part)


def lake_items_of_source(batch: SourceBatch | Tick, routes: Routes) -> Iterator[tuple[str, LakeItem]]:
    """Send dead letters to a lane; a tick goes to all lanes, so that they publish while nothing comes."""
    if isinstance(batch, Tick):
        for lane in range(routes.lanes):
            yield part_key(lane), ()
    elif batch.refused:
        yield part_key(batch.partition % routes.lanes), dead_rows(batch, routes.events_topic)


def lake_items_of_texts(incoming: Incoming, routes: Routes) -> Iterator[tuple[str, LakeItem]]:
    """Send the contacts found in a batch to its source's lane."""
    rows = None if incoming.arrived is None else contact_rows(incoming.arrived)
    if rows is not None:
        yield part_key(incoming.mark.source % routes.lanes), rows


def lake_item_of_shard(output: ShardOutput, routes: Routes) -> Iterable[tuple[str, LakeItem]]:
    """Send what a worker made to the lane of its first shard."""
    result = output.result
    return [(part_key(output.shard % routes.lanes), result)] if len(result.outcomes) or result.decisions else []
