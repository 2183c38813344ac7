"""Event files in Parquet: columns of the contract in, columns of the contract out.

``ts`` may be integer milliseconds, a timestamp (one without a zone counts as UTC) or RFC 3339 text. Columns
that the contract does not name go to ``extra``. A row that is no event becomes a dead letter whose value is
the row as JSON. An amount that is not finite counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from detector.contract.dead_letters import DeadLetter, DecodeLimits
from detector.contract.decode import Decoded
from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES
from detector.contract.lines import Row, decode_line
from detector.contract.times import parse_rfc3339_column

_REQUIRED: Final = ("event_id", "type", "account_id", "ts")
_NAMED: Final = [name for name in EVENT_SCHEMA if name != "extra"]
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def read_parquet(source: Path | str, limits: DecodeLimits, now_ms: int, chunk: int) -> Iterator[tuple[Decoded, int]]:
    """Read a Parquet file of events in chunks, each with the file's bytes read so far (an estimate)."""
    if str(source) == "-":
        raise UsageError("standard input: expected JSON lines, got Parquet, which needs a file; name the file")
    path = Path(source)
    size = path.stat().st_size
    try:
        with pq.ParquetFile(path) as file:
            done = 0
            for batch in file.iter_batches(batch_size=chunk):
                frame = pl.DataFrame(batch)
                yield (
                    _decode(_typed(frame, path), limits, now_ms, done),
                    size * (done + len(frame)) // file.metadata.num_rows,
                )
                done += len(frame)
            if not done:
                _typed(pl.DataFrame(file.schema_arrow.empty_table()), path)
    except (pa.ArrowInvalid, OSError) as error:
        msg = f"{path}: expected a whole Parquet file, got {error}; write or fetch the file again"
        raise UsageError(msg) from error


def _typed(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    missing = [name for name in _REQUIRED if name not in frame.columns]
    if missing:
        known = ", ".join(frame.columns)
        raise UsageError(f"{path}: expected the columns {', '.join(_REQUIRED)}, got {known or 'none'}")
    columns = [_column(frame[name], path) for name in _NAMED if name in frame.columns]
    typed = pl.DataFrame(columns)
    absent = [pl.lit(None, EVENT_SCHEMA[name]).alias(name) for name in _NAMED if name not in frame.columns]
    return typed.with_columns(absent).with_columns(_extra(frame)).select(EVENT_SCHEMA.names())


def _column(held: pl.Series, path: Path) -> pl.Series:
    wanted = EVENT_SCHEMA[held.name]
    if held.dtype == pl.Null:
        return held.cast(wanted)
    if held.name == "ts":
        return _times(held, path)
    if wanted == pl.String and isinstance(held.dtype, pl.Categorical | pl.Enum):
        return held.cast(pl.String)
    if wanted == pl.Int64 and held.dtype.is_integer():
        return _cast(held, pl.Int64(), path)
    if wanted == pl.Float64 and held.dtype.is_numeric():
        amounts = held.cast(pl.Float64)
        return amounts.zip_with(amounts.is_finite(), pl.Series([None], dtype=pl.Float64))
    if held.dtype != wanted:
        raise UsageError(f"{path}: column {held.name}: expected {wanted}, got {held.dtype}")
    return held


def _times(held: pl.Series, path: Path) -> pl.Series:
    if held.dtype.is_integer():
        return _cast(held, pl.Int64(), path)
    if isinstance(held.dtype, pl.Datetime):
        return held.dt.epoch("ms")
    if held.dtype == pl.String:
        times = parse_rfc3339_column(held)
        wrong = (times.is_null() & held.is_not_null()).arg_true()
        if len(wrong):
            raise UsageError(f"{path}: column ts: expected RFC 3339 with an offset, got another form in row {wrong[0]}")
        return times
    raise UsageError(f"{path}: column ts: expected a timestamp or integer milliseconds, got {held.dtype}")


def _cast(held: pl.Series, wanted: pl.DataType, path: Path) -> pl.Series:
    try:
        return held.cast(wanted)
    except pl.exceptions.InvalidOperationError:
        raise UsageError(f"{path}: column {held.name}: expected numbers of 64 bits, got larger ones") from None


def _extra(frame: pl.DataFrame) -> pl.Series:
    unknown = [name for name in frame.columns if name not in _NAMED]
    if not unknown:
        return pl.Series("extra", [None] * len(frame), dtype=pl.String)
    texts = [_extra_text(fields) for fields in frame.select(unknown).iter_rows(named=True)]
    return pl.Series("extra", texts, dtype=pl.String)


def _extra_text(fields: dict[str, Any]) -> str | None:
    held = {name: field for name, field in fields.items() if field is not None}
    if isinstance(inner := held.get("extra"), str):  # our own lake: the column already is one object
        try:
            held = msgspec.json.decode(held.pop("extra"), type=dict[str, Any]) | held
        except msgspec.DecodeError:
            held["extra"] = inner
    return _encode(held).decode() if held else None


def _decode(typed: pl.DataFrame, limits: DecodeLimits, now_ms: int, first_row: int) -> Decoded:
    good = typed.select(_is_event(limits, now_ms)).to_series().to_numpy()
    dead: list[DeadLetter] = []
    for row in np.flatnonzero(~good).tolist():
        letter = _refuse(typed.row(row, named=True), first_row + row, limits, now_ms)
        dead.append(letter)
    rows = np.flatnonzero(good).astype(np.int64) + first_row
    return Decoded(typed.filter(pl.Series(good)), rows, tuple(dead))


def _is_event(limits: DecodeLimits, now_ms: int) -> pl.Expr:
    named = pl.all_horizontal(pl.col("event_id", "account_id").str.len_bytes() > 0)
    known = pl.col("type").is_in(list(EVENT_TYPES))
    timely = pl.col("ts").is_between(limits.ts_min_ms, limits.ts_max_ms(now_ms))
    size = pl.sum_horizontal(cs.string().str.len_bytes().fill_null(0))
    whole = (pl.col("links").list.drop_nulls().list.len() == pl.col("links").list.len()).fill_null(value=True)
    return (named & known & timely & whole & (size <= limits.event_bytes_max)).fill_null(value=False)


def _refuse(fields: dict[str, Any], row: int, limits: DecodeLimits, now_ms: int) -> DeadLetter:
    value = _encode({name: held for name, held in fields.items() if held is not None})
    line: Row | DeadLetter = decode_line(value, row, limits, now_ms)
    assert isinstance(line, DeadLetter), "the columns' checks refuse only what the reference refuses"
    return line
