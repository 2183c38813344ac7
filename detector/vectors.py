"""Feature vectors of a file of events, as a Parquet file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow.parquet as pq

from detector.contract.times import DAY_MS
from detector.files import limits_from, read_events
from detector.replay import Replay
from features.arrays import PROCESSED
from features.catalogue import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from detector.files import Progress
    from detector.settings import Settings

_HEAD: Final = {"event_id": pl.String(), "account_id": pl.String(), "ts": pl.Datetime("ms", "UTC")}
SCHEMA: Final = pl.Schema({**_HEAD, **dict.fromkeys(DEFAULT.names, pl.Float64())})
"""Columns of a feature vector: whose, after which event, and a number per feature."""

_ROWS_HELD: Final = 100_000


def write_vectors(
    source: Path | str,
    output: Path,
    settings: Settings,
    now_ms: int,
    *,
    last: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the vector after every processed event, or each account's ``last``; return their number."""
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(f"{output.name}.partial")
    vectors = _vectors(source, settings, now_ms, progress)
    written = 0
    with pq.ParquetWriter(draft, pl.DataFrame(schema=SCHEMA).to_arrow().schema, compression="zstd") as out:
        for frame in [_last_of_each(vectors)] if last else vectors:
            out.write_table(frame.to_arrow())
            written += len(frame)
    draft.replace(output)
    return written


def _vectors(source: Path | str, settings: Settings, now_ms: int, progress: Progress | None) -> Iterator[pl.DataFrame]:
    lateness_ms, ttl_ms = round(settings.lateness_seconds * 1000), round(settings.account_ttl_days * DAY_MS)
    replay = Replay(DEFAULT, lateness_ms, ttl_ms=ttl_ms)
    for decoded in read_events(source, limits_from(settings), now_ms, progress=progress):
        outcomes, values = replay.process(decoded.events)
        kept = outcomes == PROCESSED
        heads = decoded.events.select(pl.col(name).cast(kind) for name, kind in _HEAD.items())
        yield heads.filter(kept).hstack(pl.DataFrame(values[kept], schema=list(DEFAULT.names)))


def _last_of_each(vectors: Iterator[pl.DataFrame]) -> pl.DataFrame:
    newest, held, rows = pl.DataFrame(schema=SCHEMA), [pl.DataFrame(schema=SCHEMA)], 0
    for frame in vectors:
        held.append(frame.unique("account_id", keep="last"))
        rows += len(held[-1])
        if rows > _ROWS_HELD + len(newest):
            newest, rows = (
                pl.concat([newest, *held]).unique("account_id", keep="last", maintain_order=True),
                0,
            )
            held = []
    return pl.concat([newest, *held]).unique("account_id", keep="last").sort("account_id")
