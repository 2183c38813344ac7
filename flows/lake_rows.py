"""From what shards and sources made to the lake's rows: once an epoch, for frames cost more than judging does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from typing import Final

import numpy as np
import polars as pl

from detector.lake.tables import campaigns_frame, decisions_frame
from detector.results import ShardResult
from detector.shard_batch import ShardBatch
from features.intake import Arrived
from features.text.contacts import Contacts
from flows.batches import CampaignsTold, Recognised, SourceBatch
from flows.dead_rows import DEAD_ROWS, DeadRow

_EVENT: Final = ("event_id", "account_id", "ts")


@dataclass(frozen=True, slots=True)
class ContactRows:
    """The contacts and links that events carry, as they were found: fields and their finds; rows are the events'."""

    events: pl.DataFrame
    found: tuple[tuple[str, Contacts], ...]


LakeItem = ShardResult | ContactRows | CampaignsTold | Recognised | tuple[DeadRow, ...]
"""What a lane is given; an empty tuple is a tick."""


def contact_rows(arrived: Arrived) -> ContactRows | None:
    """Take what a batch's texts, lists of links and profiles hold, if that is anything."""
    fields = arrived.columns.fields
    found = () if fields is None else tuple(fields.all_details())
    return ContactRows(arrived.events[list(_EVENT)], found) if found else None


def dead_rows(batch: SourceBatch, topic: str) -> tuple[DeadRow, ...]:
    """Turn what was refused into rows."""
    return tuple(
        DeadRow(r.letter.cause, r.letter.detail, topic, batch.partition, r.offset, batch.seen_at_ms, r.letter.value)
        for r in batch.refused
    )


def frames(items: Iterable[LakeItem], feature_names: Sequence[str]) -> Mapping[str, pl.DataFrame]:
    """Make an epoch's rows by table."""
    items = list(items)
    results = [item for item in items if isinstance(item, ShardResult)]
    dead = list(chain.from_iterable(item for item in items if isinstance(item, tuple)))
    contacts = [frame for item in items if isinstance(item, ContactRows) for frame in _told(item)]
    rows = {"dead_letters": pl.DataFrame(dead, schema=DEAD_ROWS, orient="row")} if dead else {}
    told = [item.campaigns for item in items if isinstance(item, CampaignsTold)]
    if told:
        rows["campaigns"] = campaigns_frame(chain.from_iterable(told))
    if recognised := [item.rows for item in items if isinstance(item, Recognised)]:
        rows["escalations"] = pl.concat(recognised)
    if contacts:
        rows["contacts"] = pl.concat(contacts)
    # The models may change within an epoch, and a result is of one champion and its challengers.
    judged = [_tables(_joined(list(of_one)), feature_names) for _, of_one in groupby(results, _models)]
    for table in {name for tables in judged for name in tables}:
        rows[table] = pl.concat([tables[table] for tables in judged if table in tables])
    return {table: frame for table, frame in rows.items() if frame.height}


def _models(result: ShardResult) -> tuple[str, ...]:
    return (result.model_version, *result.shadow_scores)


def _tables(result: ShardResult, feature_names: Sequence[str]) -> dict[str, pl.DataFrame]:
    tables = {
        "events": result.events,
        "scores": result.scores,
        "shadow_scores": result.shadows,
        "vectors": _spread(result.vectors, feature_names),
        "decisions": decisions_frame(result.decisions),
    }
    return {table: frame for table, frame in tables.items() if frame.height}


def _told(item: ContactRows) -> Iterator[pl.DataFrame]:
    for field, contacts in item.found:
        of = pl.Series("field", [field]).new_from_index(0, len(contacts.row))
        yield contacts.beside(item.events).hstack([of])


def _joined(results: list[ShardResult]) -> ShardResult:
    """Make one result of many by the same models, so that each frame is made once."""
    if len(results) == 1:
        return results[0]
    events = list(accumulate((len(r.outcomes) for r in results), initial=0))
    processed = list(accumulate((len(r.processed) for r in results), initial=0))
    return ShardResult(
        batch=ShardBatch(
            pl.concat([r.batch.events for r in results], rechunk=True),
            results[0].batch.columns,  # no frame is made of these
            results[0].batch.roles,
        ),
        outcomes=np.concatenate([r.outcomes for r in results]),
        processed=np.concatenate([r.processed + start for r, start in zip(results, events, strict=False)]),
        processed_scores=np.concatenate([r.processed_scores for r in results]),
        verdicts=np.concatenate([r.verdicts for r in results]),
        sampled=np.concatenate([r.sampled + start for r, start in zip(results, processed, strict=False)]),
        sampled_vectors=np.concatenate([r.sampled_vectors for r in results]),
        decisions=tuple(chain.from_iterable(r.decisions for r in results)),
        model_version=results[0].model_version,
        measures=np.concatenate([r.measures for r in results]),
        shadow_scores={
            version: np.concatenate([r.shadow_scores[version] for r in results]) for version in results[0].shadow_scores
        },
    )


def _spread(vectors: pl.DataFrame, feature_names: Sequence[str]) -> pl.DataFrame:
    """Give each feature its column."""
    if vectors.is_empty():
        return vectors
    columns = vectors["vector"].arr.to_struct(fields=list(feature_names)).struct.unnest()
    return vectors.drop("vector").hstack(columns)
