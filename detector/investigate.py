"""Why an account was judged as it was: everything the lake knows about it, gathered for one reading."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from detector import replay
from detector.contract.errors import GillnetError
from detector.contract.events import EVENT_SCHEMA
from detector.printable import printable
from detector.sql import Lake
from features import catalogue
from features.aggregates import Ratio
from features.messages import CAMPAIGN, COPIES, SENDERS, SENDERS_1H
from features.rhythms import Latest
from features.sharing import KINDS

EVENTS_MAX: Final = 100_000
"""Newest events of the account that are looked at."""

POPULATION_MAX: Final = 50_000
"""Accounts whose newest feature vector makes the population."""

TEXT_CHARACTERS_MIN: Final = 20
"""Shorter texts ("hi", "how are you?") are everybody's and link nobody."""

BUCKETS: Final = 48

_LINKED: Final = """
WITH keys AS (
  SELECT account_id, unnest([
    {kind: 'device_id', value: device_id}, {kind: 'ip', value: ip}, {kind: 'photo_hash', value: photo_hash},
    {kind: 'text', value: CASE WHEN length(text) >= $2 THEN text END}
  ], recursive := true)
  FROM events
  UNION ALL SELECT account_id, 'contact', value FROM contacts WHERE kind <> 'hint'
  UNION ALL SELECT account_id, 'campaign', campaign_id FROM scores
), mine AS (
  SELECT DISTINCT kind, value FROM keys WHERE account_id = $1 AND value IS NOT NULL
), shared AS (
  SELECT DISTINCT account_id, kind, value FROM keys SEMI JOIN mine USING (kind, value)
), sizes AS (
  SELECT kind, value, count(*) AS accounts FROM shared GROUP BY ALL
), links AS (
  SELECT account_id, kind, count(*) AS n, sum(1 / (accounts - 1)) AS weight
  FROM shared JOIN sizes USING (kind, value) WHERE account_id <> $1 GROUP BY ALL
)
SELECT account_id, map_from_entries(list((kind, n) ORDER BY kind)) AS shared, sum(weight) AS weight
FROM links GROUP BY account_id ORDER BY weight DESC, account_id
"""


_ABOUT: Final = f"""
SELECT * EXCLUDE (date) FROM events WHERE account_id = $1 OR target_id = $1
ORDER BY arrived_at DESC, "offset" DESC, ts DESC LIMIT {EVENTS_MAX}
"""  # noqa: S608  a constant
_OTHERS: Final = (COPIES, SENDERS, SENDERS_1H, CAMPAIGN)
_SHARED: Final = tuple(
    f.name
    for f in catalogue.DEFAULT.features
    if f.entity in KINDS
    or (isinstance(f.aggregate, Latest) and f.aggregate.name == "message" and f.aggregate.part in _OTHERS)
    or (isinstance(f.aggregate, Ratio) and f.aggregate.part == "copied")
)
"""Features of what accounts share, texts among it."""

_POPULATION: Final = """
SELECT * EXCLUDE (event_id, ts, date) FROM vectors WHERE account_id <> ?
QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY ts DESC, event_id) = 1
ORDER BY hash(account_id) LIMIT ?
"""


class UnknownAccountError(GillnetError):
    """The lake has nothing of an account."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands now."""

    account_id: str
    verdict: str
    score: float | None
    model_version: str | None
    first_seen: datetime.datetime | None
    last_seen: datetime.datetime | None
    events: int
    label: int | None
    campaign_id: str | None
    reported_by: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One feature of an account beside the population's; ``percentile`` is None without a population."""

    name: str
    meaning: str
    value: float
    median: float | None
    percentile: float | None


@dataclass(frozen=True, slots=True)
class Link:
    """Another account and how many devices, addresses, photos and texts it has in common with this one."""

    account_id: str
    verdict: str
    shared: dict[str, int]


@dataclass(frozen=True, slots=True)
class Case:
    """All there is to read about an account, the most telling first."""

    standing: Standing
    decisions: list[dict[str, Any]]
    counts: dict[str, int]
    activity: list[int]
    bucket_seconds: float
    timeline: list[dict[str, Any]]
    measures: list[Measure]
    population: int
    linked: list[Link]
    linked_total: int


def investigate(lake: Lake, account_id: str, events_shown: int = 20, links_shown: int = 20) -> Case:
    """Gather an account's case from the lake."""
    events = _events(lake, account_id)
    decisions = _of(lake, "decisions", account_id, "event_ts DESC, decided_at DESC")
    standing = _standing(lake, account_id, events, decisions)
    measures, population = _measures(lake, account_id, events)
    activity, bucket_seconds = _activity(events["ts"])
    linked = lake.rows(_LINKED, (account_id, TEXT_CHARACTERS_MIN))
    return Case(
        standing=standing,
        decisions=decisions,
        counts=dict(Counter(events["type"]).most_common()),
        activity=activity,
        bucket_seconds=bucket_seconds,
        timeline=[_given(row) for row in events.tail(events_shown).reverse().to_dicts()],
        measures=measures,
        population=population,
        linked=_links(lake, linked[:links_shown]),
        linked_total=len(linked),
    )


def _events(lake: Lake, account_id: str) -> pl.DataFrame:
    # An account's events share a partition, so offsets give the order in which the engine saw them.
    order = 'arrived_at DESC, "offset" DESC, ts DESC'
    query = f"SELECT * EXCLUDE (date) FROM events WHERE account_id = ? ORDER BY {order} LIMIT {EVENTS_MAX}"  # noqa: S608  constants
    return lake.frame(query, (account_id,)).reverse()


def _of(lake: Lake, table: str, account_id: str, order: str, limit: int = 1000) -> list[dict[str, Any]]:
    query = f"SELECT * EXCLUDE (date) FROM {table} WHERE account_id = ? ORDER BY {order} LIMIT {limit}"  # noqa: S608  constants
    return lake.rows(query, (account_id,))


def _standing(lake: Lake, account_id: str, events: pl.DataFrame, decisions: list[dict[str, Any]]) -> Standing:
    scores = _of(lake, "scores", account_id, "ts DESC")
    labels = _of(lake, "labels", account_id, "labelled_at DESC NULLS LAST", limit=1)
    query = "SELECT count(DISTINCT account_id) AS n FROM events WHERE target_id = ? AND type IN ('report', 'block')"
    reported_by = lake.rows(query, (account_id,))[0]["n"]
    if not (events.height or decisions or scores or labels or reported_by):
        raise UnknownAccountError(
            f"the lake has nothing of account {printable(account_id, 100)!r}; look for it with `gillnet sql`: "
            "FROM accounts WHERE account_id ILIKE '%part of it%'"
        )
    latest = (scores or decisions or [{}])[0]
    times = events["ts"]
    return Standing(
        account_id=account_id,
        verdict=decisions[0]["verdict"] if decisions else "allow",
        score=latest.get("score"),
        model_version=latest.get("model_version"),
        first_seen=times.min() if events.height else None,  # type: ignore[arg-type]  # of a column of times
        last_seen=times.max() if events.height else None,  # type: ignore[arg-type]  # as above
        events=int((events["outcome"].fill_null("") != "duplicate").sum()),
        label=labels[0]["label"] if labels else None,
        campaign_id=next((row["campaign_id"] for row in [*scores, *decisions] if row["campaign_id"]), None),
        reported_by=reported_by,
    )


def _activity(times: pl.Series) -> tuple[list[int], float]:
    """Count events over the account's life in equal stretches of at least a minute."""
    if times.is_empty():
        return [], 60.0
    at = times.dt.epoch("ms")
    start, end = int(at.min()), int(at.max())  # type: ignore[arg-type]  # whole numbers, and there are some
    width = max(60_000, -(-(end - start + 1) // BUCKETS))
    counts = Counter((at - start) // width)
    return [counts[n] for n in range((end - start) // width + 1)], width / 1000


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name != "account_id"}


def _measures(lake: Lake, account_id: str, events: pl.DataFrame) -> tuple[list[Measure], int]:
    own = _vector(lake, account_id, has_events=bool(events.height))
    population = lake.frame(_POPULATION, (account_id, POPULATION_MAX))
    meanings = {feature.name: feature.meaning for feature in catalogue.DEFAULT.features}
    found = [
        _measure(name, value, meanings.get(name, ""), population)
        for name, value in own.items()
        if isinstance(value, float) and not math.isnan(value)
    ]
    return [measure for measure, _ in sorted(found, key=lambda pair: -pair[1])], population.height


def _vector(lake: Lake, account_id: str, *, has_events: bool) -> dict[str, Any]:
    """Compute the feature vector after the newest event, by the stream's own engine; else take a kept one.

    How many accounts share an entity is not to be known from one account's events: that is read from the newest vector
    kept, if there is one.
    """
    rows = _of(lake, "vectors", account_id, "ts DESC", limit=1)
    kept = rows[0] if rows else {}
    if not has_events:
        return kept
    in_ms = _about(lake, account_id).with_columns(pl.col("ts").dt.epoch("ms"))
    vectors = replay.vectors(in_ms.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()))
    own = vectors.filter(account_id=account_id)
    return own.row(-1, named=True) | {name: kept.get(name) for name in _SHARED} if own.height else kept


def _about(lake: Lake, account_id: str) -> pl.DataFrame:
    """Read what an account did and what others did to it, in order of arrival."""
    return lake.frame(_ABOUT, (account_id,)).reverse()


def _measure(name: str, value: float, meaning: str, population: pl.DataFrame) -> tuple[Measure, float]:
    """Place a value in the population; beside it, how far out it lies: first by rank, then by distance."""
    others = population[name].drop_nulls().drop_nans() if name in population.columns else pl.Series([])
    if others.is_empty():
        return Measure(name, meaning, value, None, None), 0.0
    below, same = int((others < value).sum()), int((others == value).sum())
    percentile = 100 * (below + same / 2) / others.len()
    median, spread = float(others.median()), float(others.std() or 0.0)  # type: ignore[arg-type]  # of floats
    distance = abs(value - median) / (spread or 1.0)
    return Measure(name, meaning, value, median, percentile), abs(percentile - 50) + distance / (1 + distance)


def _links(lake: Lake, found: list[dict[str, Any]]) -> list[Link]:
    query = """
        SELECT account_id, arg_max(verdict, event_ts) AS verdict FROM decisions
        WHERE list_contains(?::VARCHAR[], account_id) GROUP BY account_id
    """
    accounts = [row["account_id"] for row in found]
    verdicts = {row["account_id"]: row["verdict"] for row in lake.rows(query, (accounts,))} if found else {}
    return [
        Link(name, verdicts.get(name, "allow"), dict(row["shared"])) for name, row in zip(accounts, found, strict=True)
    ]
