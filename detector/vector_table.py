"""A table of vectors made elsewhere: what `gillnet train` and `evaluate` take in place of events."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from detector.contract.errors import UsageError
from detector.contract.labels import LABELS_SCHEMA
from detector.histories import History, Judge, accounts_of
from models.history import Points, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_FEATURES: Final = {*LABELS_SCHEMA, "event_id", "ts"}
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
        scores = judge.judge(np.ascontiguousarray(points.vectors[:, columns]), points.account)
        return Trace(points.account, points.nth, self.ts, scores)


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Rows of numbers by account; several of one account are in the order of its history."""

    account_ids: pl.Series
    ts: NDArray[np.int64]
    """Epoch ms; 0 where the table has no column ``ts``."""
    names: tuple[str, ...]
    vectors: NDArray[np.float64]

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
        points = Points(self.vectors[rows], account, nth)
        self._refuse_leaks(points, accounts.is_bot[account], chosen)
        summary = {
            "labelled_accounts": len(seen),
            "bots": int(accounts.is_bot.sum()),
            "labels_without_events": len(ids) - len(seen),
            "points": len(account),
            "data_sha256": hashlib.sha256(np.ascontiguousarray(points.vectors).tobytes()).hexdigest(),
        }
        until_ms = np.full(len(seen), np.iinfo(np.int64).max)
        return LabelledVectors(
            History(ids[seen.astype(np.int64)], accounts, points, until_ms, summary), self.names, self.ts[rows]
        )

    def _refuse_leaks(self, points: Points, is_bot: NDArray[np.bool_], chosen: tuple[str, ...]) -> None:
        if len(is_bot) < _ROWS_MIN or is_bot.all() or not is_bot.any():
            return
        leaks = [n for n in chosen if _parts(points.vectors[:, self.names.index(n)], is_bot)]
        if leaks:
            msg = (
                f"expected columns known when an account is judged, got {', '.join(leaks)}: one alone tells every bot "
                "from every human, as only the label does; leave it out, or name the others with --features"
            )
            raise UsageError(msg)


def read_vectors(path: Path) -> VectorTable:
    """Read a table of vectors from Parquet or CSV: ``account_id``, numbers, and ``ts`` where there is one."""
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path}: expected a table of vectors as Parquet or CSV, got {error}") from error
    names = tuple(
        n for n, kind in frame.schema.items() if n not in _NO_FEATURES and (kind.is_numeric() or kind == pl.Boolean)
    )
    if "account_id" not in frame.columns or not names:
        known = ", ".join(frame.columns)[:200]
        raise UsageError(f"{path}: expected a column account_id and columns of numbers, got {known or 'no columns'}")
    vectors = frame.select(pl.col(n).cast(pl.Float64).fill_null(np.nan) for n in names).to_numpy()
    return VectorTable(frame["account_id"].cast(pl.String), _times(frame), names, vectors)


def _times(frame: pl.DataFrame) -> NDArray[np.int64]:
    if "ts" not in frame.columns:
        return np.zeros(len(frame), np.int64)
    ts = frame["ts"]
    return (ts.dt.epoch("ms") if ts.dtype.is_temporal() else ts.cast(pl.Int64)).to_numpy()


def _parts(column: NDArray[np.float64], is_bot: NDArray[np.bool_]) -> bool:
    """Tell whether a column is above (or below) a bound for all bots and no human; an unknown value is lowest."""
    known = np.where(np.isnan(column), -np.inf, column)
    bots, humans = known[is_bot], known[~is_bot]
    return bool(bots.min() > humans.max() or bots.max() < humans.min())
