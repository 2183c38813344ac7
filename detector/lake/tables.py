"""The lake's tables: the columns of each, and which time decides the day a row is filed under."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import polars as pl

from detector.contract.campaigns import Campaign
from detector.contract.decisions import Decision
from detector.contract.errors import GillnetError
from detector.contract.events import EVENT_SCHEMA

TIME: Final = pl.Datetime("ms", "UTC")
"""How the lake stores a time: SQL then reads a timestamp, not a number."""

NO_DAY: Final = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows without a time; Hive, Spark, polars and DuckDB read it as a null date."""

_DAY: Final = "_day"


class LakeError(GillnetError):
    """The lake refuses rows or a state that do not fit it."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, the time column its day comes from, and whether further columns may follow."""

    schema: pl.Schema
    time: str
    open: bool = False


_REASON: Final = pl.Struct(
    {
        "code": pl.String(),
        "text": pl.String(),
        "feature": pl.String(),
        "value": pl.Float64(),
        "contribution": pl.Float64(),
    }
)

_COUNTS: Final = pl.List(pl.Struct({"value": pl.String(), "count": pl.Int64()}))

_EVENT_KEY: Final[dict[str, pl.DataType]] = {"event_id": pl.String(), "account_id": pl.String(), "ts": TIME}

TABLES: Final[dict[str, Table]] = {
    "events": Table(
        pl.Schema(
            {
                **EVENT_SCHEMA,
                "ts": TIME,
                "outcome": pl.String(),  # processed, duplicate or late
                "arrived_at": TIME,
                "partition": pl.Int32(),
                "offset": pl.Int64(),
            }
        ),
        time="ts",
    ),
    "decisions": Table(
        pl.Schema(
            {
                "decision_id": pl.String(),
                "account_id": pl.String(),
                "verdict": pl.String(),
                "previous_verdict": pl.String(),
                "score": pl.Float64(),
                "reasons": pl.List(_REASON),
                "event_id": pl.String(),
                "event_ts": TIME,
                "decided_at": TIME,
                "expires_at": TIME,
                "campaign_id": pl.String(),
                "model_version": pl.String(),
                "policy_version": pl.String(),
                "shadow": pl.Boolean(),
            }
        ),
        time="event_ts",
    ),
    "scores": Table(
        pl.Schema(
            {
                **_EVENT_KEY,
                "score": pl.Float64(),
                "verdict": pl.String(),
                "model_version": pl.String(),
                "language": pl.String(),
                "campaign_id": pl.String(),
                "spam": pl.Float64(),  # how much the text is of a category; 0.5 is where it counts as one
                "scam": pl.Float64(),
                "contact_harvesting": pl.Float64(),
                "sexual_solicitation": pl.Float64(),
                "harassment": pl.Float64(),
            }
        ),
        time="ts",
    ),
    "shadow_scores": Table(
        pl.Schema({**_EVENT_KEY, "score": pl.Float64(), "model_version": pl.String()}),
        time="ts",
    ),
    "contacts": Table(
        pl.Schema({**_EVENT_KEY, "kind": pl.String(), "value": pl.String(), "field": pl.String()}),
        time="ts",
    ),
    "escalations": Table(
        pl.Schema({**_EVENT_KEY, "similarity": pl.Float64(), "template_id": pl.String(), "campaign_id": pl.String()}),
        time="ts",
    ),
    "vectors": Table(pl.Schema(_EVENT_KEY), time="ts", open=True),
    "labels": Table(
        pl.Schema(
            {
                "account_id": pl.String(),
                "label": pl.Int8(),  # 1 bot, 0 human
                "labelled_at": TIME,
                "source": pl.String(),
                "family": pl.String(),
                "note": pl.String(),
            }
        ),
        time="labelled_at",
    ),
    "dead_letters": Table(
        pl.Schema(
            {
                "cause": pl.String(),
                "detail": pl.String(),
                "topic": pl.String(),
                "partition": pl.Int32(),
                "offset": pl.Int64(),
                "seen_at": TIME,
                "value": pl.Binary(),
            }
        ),
        time="seen_at",
    ),
    "campaigns": Table(
        pl.Schema(
            {
                "campaign_id": pl.String(),
                "status": pl.String(),  # forming, active, closed or merged
                "label": pl.String(),  # bot or benign
                "template": pl.String(),
                "examples": pl.List(pl.String()),
                "members": pl.Int64(),
                "member_ids": pl.List(pl.String()),
                "messages": pl.Int64(),
                "first_seen": TIME,
                "last_seen": TIME,
                "members_per_hour": pl.Float64(),
                "languages": _COUNTS,
                "contacts": _COUNTS,
                "links": _COUNTS,
                "verdicts": _COUNTS,
                "merged_into": pl.String(),
                "updated_at": TIME,
            }
        ),
        time="updated_at",
    ),
}
"""Every table of the lake by its name."""


def as_stored(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give a frame a table's columns: missing ones become null, times may come as epoch ms or RFC 3339."""
    if table not in TABLES:
        msg = f"the lake has no table {table!r}; its tables are {', '.join(TABLES)}"
        raise LakeError(msg)
    known, held = TABLES[table], {column.name: column for column in frame.get_columns()}
    further = [name for name in held if name not in known.schema]
    if further and not known.open:
        msg = f"table {table!r} has no column {further[0]!r}; its columns are {', '.join(known.schema)}"
        raise LakeError(msg)
    # Column by column: to plan a query would cost as much as an epoch's few hundred rows.
    rows, schema = frame.height, known.schema | dict.fromkeys(further, pl.Float64())
    return pl.DataFrame([_column(held.get(name), name, dtype, rows) for name, dtype in schema.items()])


def _column(held: pl.Series | None, name: str, dtype: pl.DataType, rows: int) -> pl.Series:
    if held is None:
        return pl.Series(name, [None], dtype).new_from_index(0, rows)
    if held.dtype == dtype:
        return held
    if dtype == TIME and held.dtype == pl.String:
        return held.str.to_datetime("%+", time_unit="ms", time_zone="UTC")
    return held.cast(dtype)


def decisions_frame(decisions: Iterable[Decision]) -> pl.DataFrame:
    """Turn decisions into rows of the table ``decisions``."""
    return _frame("decisions", decisions)


def campaigns_frame(campaigns: Iterable[Campaign]) -> pl.DataFrame:
    """Turn campaigns into rows of the table ``campaigns``: one each time a campaign changed."""
    return _frame("campaigns", campaigns)


def _frame(table: str, values: Iterable[msgspec.Struct]) -> pl.DataFrame:
    rows = [msgspec.to_builtins(value) for value in values]
    schema = TABLES[table].schema
    as_text = {name: pl.String() if dtype == TIME else dtype for name, dtype in schema.items()}
    return as_stored(table, pl.from_dicts(rows, schema=as_text) if rows else pl.DataFrame(schema=schema))


def packed(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out the columns without a value; ``as_stored`` gives them back."""
    known, nulls = TABLES[table], frame.null_count().row(0, named=True)
    empty = {n for n in known.schema if n != known.time and nulls.get(n) == frame.height}
    return frame[[name for name in frame.columns if name not in empty]]


def days_of(table: str, frame: pl.DataFrame) -> frozenset[str]:
    """Name the days (UTC) rows are filed under."""
    times = frame[TABLES[table].time]
    first, last = times.min(), times.max()
    ends = {time.date() for time in (first, last) if isinstance(time, datetime.datetime)}
    one = len(ends) == 1 and not times.null_count()
    return frozenset(map(_name, ends if one else times.dt.date().unique()))


def days(table: str, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Part rows by the day (UTC) they are filed under, their order kept."""
    names = days_of(table, frame)
    if len(names) == 1:
        return dict.fromkeys(names, frame)
    dated = frame.with_columns(frame[TABLES[table].time].dt.date().alias(_DAY))
    parts = dated.partition_by(_DAY, include_key=False, as_dict=True)
    return {_name(day): rows for (day,), rows in parts.items()}


def _name(day: datetime.date | None) -> str:
    return day.isoformat() if day else NO_DAY
