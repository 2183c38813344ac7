"""A table of vectors made elsewhere: what `gillnet train` and `evaluate` take in place of events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from detector.contract.errors import UsageError
from detector.contract.labels import LABELS_SCHEMA
from detector.histories import History, Judge, accounts_of
from models.history import Points, Trace
from models.vector_file import ROWS, VectorFile, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_NO_FEATURES: Final = {*LABELS_SCHEMA, "event_id", "ts"}
_HELD_BYTES: Final = 1 << 30
_ROWS_MIN: Final = 50
"""Among fewer labelled rows a column may part the classes by chance."""


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """The rows of labelled accounts, as training sees them."""

    history: History
    names: tuple[str, ...]
    ts: NDArray[np.int64]

    def trace(self, judge: Judge) -> Trace:
        """Score every row; UsageError where the table lacks a column that is read."""
        missing = sorted(set(judge.feature_names) - set(self.names))
        if missing:
            raise UsageError(f"the model reads columns the table of vectors lacks: {', '.join(missing)}")
        points, columns = self.history.points, [self.names.index(name) for name in judge.feature_names]
        owners = (points.account[start : start + ROWS] for start in range(0, len(points.account), ROWS))
        scores = [
            judge.judge(np.ascontiguousarray(piece[:, columns]), whose)
            for piece, whose in zip(pieces(points.vectors), owners, strict=True)
        ]
        return Trace(points.account, points.nth, self.ts, np.concatenate(scores))


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Rows of numbers by account; several of one account are in the order of its history."""

    account_ids: pl.Series
    ts: NDArray[np.int64]
    """Epoch ms; 0 where the table has no column ``ts``."""
    names: tuple[str, ...]
    vectors: NDArray[np.float64] | VectorFile

    def labelled(self, labels: pl.DataFrame, chosen: tuple[str, ...] = ()) -> LabelledVectors:
        """Keep the rows of labelled accounts; UsageError if a chosen column is the label under another name."""
        ids = labels.select("account_id").unique().sort("account_id")
        joined = pl.DataFrame({"account_id": self.account_ids}).with_row_index("row").join(
            ids.with_row_index("account"), on="account_id", maintain_order="left"
        )  # fmt: skip
        if joined.is_empty():
            raise UsageError("expected vectors of labelled accounts, got none; check that the ids match the vectors'")
        joined = joined.sort("account", "row")
        seen = joined["account"].unique().sort().to_numpy()
        account = np.searchsorted(seen, joined["account"].to_numpy()).astype(np.int64)
        rows = joined["row"].to_numpy()
        nth = np.arange(len(account)) - np.searchsorted(account, account) + 1
        accounts = accounts_of(labels, ids[seen.astype(np.int64)], account, self.ts[rows])
        held = self.vectors
        vectors = held.ordered(rows) if isinstance(held, VectorFile) else held[rows]
        points = Points(vectors, account, nth)
        self._refuse_leaks(points, accounts.is_bot[account], chosen)
        summary = {
            "labelled_accounts": len(seen),
            "bots": int(accounts.is_bot.sum()),
            "labels_without_events": len(ids) - len(seen),
            "points": len(account),
            "data_sha256": _fingerprint(points),
        }
        until_ms = np.full(len(seen), np.iinfo(np.int64).max)
        return LabelledVectors(
            History(ids[seen.astype(np.int64)], accounts, points, until_ms, summary), self.names, self.ts[rows]
        )

    def _refuse_leaks(self, points: Points, is_bot: NDArray[np.bool_], chosen: tuple[str, ...]) -> None:
        if len(is_bot) < _ROWS_MIN or is_bot.all() or not is_bot.any():
            return
        parts = _parting(points, is_bot)
        leaks = [n for n in chosen if parts[self.names.index(n)]]
        if leaks:
            msg = (
                f"expected columns known when an account is judged, got {', '.join(leaks)}: one alone tells every bot "
                "from every human, as only the label does; leave it out, or name the others with --features"
            )
            raise UsageError(msg)


def read_vectors(path: Path) -> VectorTable:
    """Read a table of vectors from Parquet or CSV: ``account_id``, numbers, and ``ts`` where there is one."""
    try:
        return _read_in_pieces(path) if path.suffix == ".parquet" else _read(path)
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: expected a table of vectors as Parquet or CSV, got {error}") from error


def _read(path: Path) -> VectorTable:
    frame = pl.read_csv(path, infer_schema_length=None)
    names = _names(path, frame.schema)
    return VectorTable(frame["account_id"].cast(pl.String), _times(frame), names, _numbers(frame, names))


def _read_in_pieces(path: Path) -> VectorTable:
    """Read Parquet; where the numbers are more than `_HELD_BYTES` they go to disk as they come."""
    names = _names(path, pl.read_parquet_schema(path))
    with pq.ParquetFile(path) as file:
        many = file.metadata.num_rows * len(names) * 8 > _HELD_BYTES
        vectors: VectorFile | list[NDArray[np.float64]] = VectorFile(len(names)) if many else []
        ids, ts = [pl.Series(dtype=pl.String)], [np.empty(0, np.int64)]
        for batch in file.iter_batches(ROWS):
            frame = pl.DataFrame(batch)
            ids.append(frame["account_id"].cast(pl.String))
            ts.append(_times(frame))
            vectors.append(_numbers(frame, names))
    held = vectors if isinstance(vectors, VectorFile) else np.concatenate([np.empty((0, len(names))), *vectors])
    return VectorTable(pl.concat(ids), np.concatenate(ts), names, held)


def _names(path: Path, schema: Mapping[str, pl.DataType]) -> tuple[str, ...]:
    """Name the columns of numbers; UsageError where there is none, or no account_id."""
    names = tuple(
        n for n, kind in schema.items() if n not in _NO_FEATURES and (kind.is_numeric() or kind == pl.Boolean)
    )
    if "account_id" not in schema or not names:
        known = ", ".join(schema)[:200]
        raise UsageError(f"{path}: expected a column account_id and columns of numbers, got {known or 'no columns'}")
    return names


def _numbers(frame: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    return frame.select(pl.col(n).cast(pl.Float64).fill_null(np.nan) for n in names).to_numpy()


def _times(frame: pl.DataFrame) -> NDArray[np.int64]:
    if "ts" not in frame.columns:
        return np.zeros(len(frame), np.int64)
    ts = frame["ts"]
    return (ts.dt.epoch("ms") if ts.dtype.is_temporal() else ts.cast(pl.Int64)).to_numpy()


def _fingerprint(points: Points) -> str:
    content = hashlib.sha256()
    for piece in pieces(points.vectors):
        content.update(np.ascontiguousarray(piece).data)
    return content.hexdigest()


def _parting(points: Points, is_bot: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which columns are above (or below) a bound for all bots and no human; an unknown value is lowest."""
    lowest = np.full((2, points.vectors.shape[1]), np.inf)
    highest, done = -lowest, 0
    for piece in pieces(points.vectors):
        known = np.where(np.isnan(piece), -np.inf, piece)
        for label in (0, 1):
            rows = known[is_bot[done : done + len(piece)] == label]
            lowest[label] = np.minimum(lowest[label], rows.min(axis=0, initial=np.inf))
            highest[label] = np.maximum(highest[label], rows.max(axis=0, initial=-np.inf))
        done += len(piece)
    found: NDArray[np.bool_] = (lowest[1] > highest[0]) | (highest[1] < lowest[0])
    return found
