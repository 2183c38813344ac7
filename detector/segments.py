"""Segments: which part of a platform's people an account belongs to, read off its events for reports alone.

No model sees them. A segment is what the events say of most of an account's history: the language it mostly writes,
the platform, country, gender and age it gave last, the quarter of the day (UTC) it is mostly active in, and how old
it was at its last event where its sign-up was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from detector.contract.times import DAY_MS
from features.text.column import TextColumn
from features.text.language import CODES, guess_languages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.histories import Events

DIMENSIONS: Final = ("language", "platform", "country", "hour of day", "account age", "gender", "age")
_GIVEN: Final = ("platform", "country", "gender", "age")
_AGE_BANDS: Final = ((25, "under 25"), (35, "25 to 34"), (50, "35 to 49"), (1000, "50 and over"))
_QUARTERS: Final = ("00 to 06 UTC", "06 to 12 UTC", "12 to 18 UTC", "18 to 24 UTC")
_QUARTER_MS: Final = DAY_MS // 4
_PARTS_HELD: Final = 50
_WRITTEN: Final = pl.col("text").is_not_null()


class Segments:
    """Gathers the segments of accounts as their events pass; what they do after ``until_ms`` counts for nothing."""

    def __init__(self, accounts: pl.DataFrame) -> None:
        """Take the frame of ``account_id`` and, where it is known, ``labelled_at`` (epoch ms)."""
        self._accounts = accounts.select("account_id", until_ms="labelled_at").unique("account_id", keep="last")
        self._given: list[pl.DataFrame] = []
        self._counts: list[pl.DataFrame] = []

    def watch(self, events: Events) -> Iterator[pl.DataFrame]:
        """Pass batches on, having looked at them."""
        for batch in events:
            self._see(batch)
            yield batch

    def of(self, ids: pl.DataFrame) -> pl.DataFrame:
        """Return one row for each of ``ids``, in their order, with a column for each dimension; null if not known."""
        given, counts = _latest(self._given), _summed(self._counts)
        most = counts.sort("account_id", "dimension", "count", "segment", descending=[False, False, True, False])
        usual = {
            name: most.filter(pl.col("dimension") == name)
            .unique("account_id", keep="first", maintain_order=True)
            .select("account_id", pl.col("segment").alias(name))
            for name in ("language", "hour of day")
        }
        found = ids.join(given, on="account_id", how="left", maintain_order="left")
        for column in usual.values():
            found = found.join(column, on="account_id", how="left", maintain_order="left")
        return found.with_columns(_account_age(), _age()).select(DIMENSIONS)

    def _see(self, batch: pl.DataFrame) -> None:
        theirs = batch.join(self._accounts, on="account_id", maintain_order="left").filter(
            pl.col("ts") <= pl.col("until_ms").fill_null(pl.lit(2**62))
        )
        if theirs.is_empty():
            return
        last = [pl.col(name).drop_nulls().last() for name in _GIVEN]
        signup = pl.col("ts").filter(pl.col("type").cast(pl.String) == "signup").min()
        self._given.append(
            theirs.group_by("account_id", maintain_order=True).agg(*last, signup_ms=signup, last_ms=pl.col("ts").max())
        )
        hours = theirs.select(
            "account_id", segment=pl.lit(pl.Series(_QUARTERS)).gather(pl.col("ts") % DAY_MS // _QUARTER_MS)
        )
        self._counts += [_counted(hours, "hour of day"), _counted(_languages(theirs), "language")]
        if len(self._given) > _PARTS_HELD:
            self._given, self._counts = [_latest(self._given)], [_summed(self._counts)]


def _languages(events: pl.DataFrame) -> pl.DataFrame:
    said = events.filter(_WRITTEN)
    codes = pl.Series("segment", CODES)[guess_languages(TextColumn.of(said["text"]))]
    return said.select("account_id").with_columns(codes.alias("segment")).filter(pl.col("segment") != "other")


def _counted(rows: pl.DataFrame, dimension: str) -> pl.DataFrame:
    counts = rows.group_by("account_id", "segment").agg(count=pl.len().cast(pl.Int64))
    return counts.select("account_id", "segment", "count", dimension=pl.lit(dimension))


def _latest(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Put parts together, the later ones last."""
    schema = {"account_id": pl.String, **dict.fromkeys(("platform", "country", "gender"), pl.String), "age": pl.Int64}
    empty = pl.DataFrame(schema=schema | {"signup_ms": pl.Int64, "last_ms": pl.Int64})
    rows = pl.concat([empty, *(part.cast(empty.schema) for part in parts)])
    return rows.group_by("account_id", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().last() for name in _GIVEN), pl.col("signup_ms").min(), pl.col("last_ms").max()
    )


def _summed(parts: list[pl.DataFrame]) -> pl.DataFrame:
    schema = {"account_id": pl.String, "segment": pl.String, "count": pl.Int64, "dimension": pl.String}
    rows = pl.concat([pl.DataFrame(schema=schema), *parts])
    return rows.group_by("account_id", "segment", "dimension").agg(pl.col("count").sum()).select(list(schema))


def _account_age() -> pl.Expr:
    lived_ms = pl.col("last_ms") - pl.col("signup_ms")
    return (
        pl.when(pl.col("signup_ms").is_null())
        .then(pl.lit("sign-up not seen"))
        .when(lived_ms < DAY_MS)
        .then(pl.lit("under a day"))
        .when(lived_ms < 7 * DAY_MS)
        .then(pl.lit("a day to a week"))
        .otherwise(pl.lit("a week and over"))
        .alias("account age")
    )


def _age() -> pl.Expr:
    band = pl.lit(None, pl.String)
    for below, name in reversed(_AGE_BANDS):
        band = pl.when(pl.col("age") < below).then(pl.lit(name)).otherwise(band)
    return band.alias("age")
