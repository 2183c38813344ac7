"""Histories: events replayed through the stream's own engine, kept for the labelled accounts.

A vector holds what was known right after its event and nothing later, because the engine computes it as the
stream would: event by event, in the order the events arrived. Labels are joined to the vectors afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import polars as pl

from detector.contract.errors import UsageError
from detector.contract.times import rfc3339
from detector.replay import LATENESS_MS, Replay
from features.arrays import PROCESSED
from features.catalogue import DEFAULT
from features.state import TTL_MS
from features.views import Catalogue
from models.history import Accounts, Points, Trace
from models.training import Options
from models.vector_file import VectorFile, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray


POINTS_AFTER: Final = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""After how many events of an account a vector is taken for training, besides its last."""

MANY_ACCOUNTS: Final = 50_000
"""From so many labelled accounts on, their vectors are kept on disk; fewer have at most a gigabyte of them."""

Events = Iterable[pl.DataFrame]
"""Batches of events in ``EVENT_SCHEMA``, in arrival order."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What training needs besides data."""

    catalogue: Catalogue = DEFAULT
    lateness_ms: int = LATENESS_MS
    ttl_ms: int = TTL_MS
    """How long an account may be silent before it begins anew, as on the stream."""
    events_min: int = 5
    """Before an account has as many it is never flagged."""
    features: tuple[str, ...] = ()
    """Patterns such as ``messages_*``; none means every feature."""
    points_after: tuple[int, ...] = POINTS_AFTER
    synthetic: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else the model's folder should say of its training."""
    options: Options = field(default_factory=Options)

    def columns(self, names: tuple[str, ...] | None = None) -> list[int]:
        """Return which names (the catalogue's by default) the patterns fit; UsageError for one that fits none."""
        names = names or self.catalogue.names
        if not self.features:
            return list(range(len(names)))
        idle = [p for p in self.features if not any(fnmatchcase(n, p) for n in names)]
        if idle:
            known = ", ".join(names)
            raise UsageError(
                f"--features: expected names or patterns of features, got {', '.join(idle)}; known: {known}"
            )
        return [i for i, name in enumerate(names) if any(fnmatchcase(name, p) for p in self.features)]


@dataclass(frozen=True, slots=True)
class History:
    """Labelled accounts with their vectors, and what the events as a whole were."""

    ids: pl.DataFrame
    accounts: Accounts
    points: Points
    until_ms: NDArray[np.int64]
    """When each account was labelled: what it did after that may be the label's doing, and teaches nothing."""
    summary: dict[str, Any]


def collect(events: Events, labels: pl.DataFrame, recipe: Recipe) -> History:
    """Replay events and keep the vectors of labelled accounts at chosen points and at their end.

    Their end is when they were labelled, where labels say so (``labelled_at``).
    """
    ids = labels.select("account_id").unique().sort("account_id")
    until_ms = _labelled_ms(labels, ids)
    taken, accounts, times, totals = _Taken(len(ids), recipe), [], [], _Totals()
    for rows in _labelled(events, ids, recipe, totals, until_ms):
        taken.add(rows)
        accounts.append(rows.account)
        times.append(rows.ts)
    if not accounts or not sum(map(len, accounts)):
        raise UsageError(
            "expected events of labelled accounts, got none; check that the ids match the events', and that "
            "labelled_at is not older than all of them"
        )
    account, ts = np.concatenate(accounts), np.concatenate(times)
    seen = np.unique(account)
    points = taken.points(seen)
    found = accounts_of(labels, ids[seen], np.searchsorted(seen, account), ts)
    summary = totals.summary() | {
        "labelled_accounts": len(seen),
        "bots": int(found.is_bot.sum()),
        "labels_without_events": len(ids) - len(seen),
        "points": len(points.account),
        "points_after": list(recipe.points_after),
        "data_sha256": _fingerprint(points, found),
    }
    return History(ids[seen], found, points, until_ms[seen], summary)


def _labelled_ms(labels: pl.DataFrame, ids: pl.DataFrame) -> NDArray[np.int64]:
    known = labels.select("account_id", "labelled_at").unique("account_id", keep="last", maintain_order=True)
    times = ids.join(known, on="account_id", maintain_order="left")["labelled_at"]
    return times.fill_null(np.iinfo(np.int64).max).to_numpy()


class Judge(Protocol):
    """What scores the vectors of accounts: a model, or one model for each fold of them."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns it reads, in their order."""

    def judge(self, vectors: NDArray[np.float64], account: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return scores, shape (n,), of vectors of shape (n, F), each of the account of that number."""


def score_history(
    events: Events, ids: pl.DataFrame, judge: Judge, recipe: Recipe, until_ms: NDArray[np.int64] | None = None
) -> Trace:
    """Replay events and score every one of the accounts in ``ids``, up to a time of each where it is given."""
    missing = sorted(set(judge.feature_names) - set(recipe.catalogue.names))
    if missing:
        raise UsageError(f"the model reads features unknown here: {', '.join(missing)}; train it again")
    columns = [recipe.catalogue.names.index(name) for name in judge.feature_names]
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    parts += [
        (rows.account, rows.nth, rows.ts, judge.judge(rows.vectors[:, columns], rows.account))
        for rows in _labelled(events, ids, recipe, _Totals(), until_ms)
    ]
    account, nth, ts, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Trace(account, nth, ts, score)


@dataclass(slots=True)
class _Totals:
    """What all events, labelled or not, amount to."""

    events: int = 0
    first_ms: int = 2**62
    last_ms: int = -(2**62)

    def add(self, ts: NDArray[np.int64]) -> None:
        if len(ts):
            self.events += len(ts)
            self.first_ms, self.last_ms = min(self.first_ms, int(ts.min())), max(self.last_ms, int(ts.max()))

    def summary(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "first_event": rfc3339(self.first_ms),
            "last_event": rfc3339(self.last_ms),
        }


@dataclass(frozen=True, slots=True)
class _Rows:
    """Processed events of labelled accounts: whose, the how manieth, when, and the vector after it."""

    account: NDArray[np.int64]
    nth: NDArray[np.int64]
    ts: NDArray[np.int64]
    vectors: NDArray[np.float64]


def _labelled(
    events: Events, ids: pl.DataFrame, recipe: Recipe, totals: _Totals, until_ms: NDArray[np.int64] | None
) -> Iterator[_Rows]:
    """Replay all events, and give those of the accounts in ``ids``."""
    replay, counts = Replay(recipe.catalogue, recipe.lateness_ms, ttl_ms=recipe.ttl_ms), np.zeros(len(ids), np.int64)
    numbered = ids.with_row_index("account")
    for batch in events:
        outcomes, vectors = replay.process(batch)
        kept = outcomes == PROCESSED
        joined = batch.select("account_id").join(numbered, on="account_id", how="left", maintain_order="left")
        account = joined["account"].fill_null(len(ids)).cast(pl.Int64).to_numpy()
        ts = batch["ts"].to_numpy()
        totals.add(ts[kept])
        rows = np.flatnonzero(kept & (account < len(ids)))
        if until_ms is not None:
            rows = rows[ts[rows] <= until_ms[account[rows]]]
        account = account[rows]
        yield _Rows(account, _numbered(account, counts), ts[rows], vectors[rows])


def _numbered(account: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count each account's events on from ``counts``, and bring ``counts`` up to date."""
    order = np.argsort(account, kind="stable")
    inside = account[order]
    starts = np.flatnonzero(np.concatenate([[True], inside[1:] != inside[:-1]])) if len(inside) else order
    lengths = np.diff(np.append(starts, len(inside)))
    nth = np.empty(len(account), np.int64)
    nth[order] = np.arange(len(inside)) - np.repeat(starts, lengths) + counts[inside] + 1
    counts[inside[starts]] += lengths
    return nth


class _Taken:
    """Vectors at the chosen points, and the last one of each account so far; of many accounts, on disk."""

    def __init__(self, accounts: int, recipe: Recipe) -> None:
        columns = len(recipe.catalogue.names)
        self._after = np.array(recipe.points_after, np.int64)
        many = accounts >= MANY_ACCOUNTS
        self._last = VectorFile(columns) if many else np.zeros((accounts, columns))
        self._events = np.zeros(accounts, np.int64)
        self._vectors: VectorFile | list[NDArray[np.float64]] = VectorFile(columns) if many else []
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def add(self, rows: _Rows) -> None:
        picked = np.isin(rows.nth, self._after)
        self._vectors.append(rows.vectors[picked])
        self._parts.append((rows.account[picked], rows.nth[picked]))
        ends, reversed_at = np.unique(rows.account[::-1], return_index=True)
        at = len(rows.account) - 1 - reversed_at
        self._events[ends] = rows.nth[at]
        if isinstance(self._last, VectorFile):
            self._last.put(ends, rows.vectors[at])
        else:
            self._last[ends] = rows.vectors[at]

    def points(self, seen: NDArray[np.int64]) -> Points:
        """Return all points of the accounts with events, renumbered, in the order of account and event."""
        ended = seen[~np.isin(self._events[seen], self._after)]
        for piece in pieces(self._last, ended):
            self._vectors.append(piece)
        self._parts.append((ended, self._events[ended]))
        account, nth = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        order = np.lexsort((nth, account))
        held = self._vectors
        vectors = held.ordered(order) if isinstance(held, VectorFile) else np.concatenate(held)[order]
        return Points(vectors, np.searchsorted(seen, account[order]), nth[order])


def accounts_of(labels: pl.DataFrame, ids: pl.DataFrame, account: NDArray[np.int64], ts: NDArray[np.int64]) -> Accounts:
    """Describe the accounts in ``ids``, given whose each event was and when; labels may have a ``weight``."""
    known = ids.join(
        labels.unique("account_id", keep="last", maintain_order=True), on="account_id", maintain_order="left"
    )
    campaign = pl.coalesce(pl.col("campaign"), pl.col("note").str.extract(r"^campaign (.+)$"))
    alone = pl.format("account {}", pl.col("account_id"))
    group = known.select(pl.coalesce(pl.format("campaign {}", campaign), alone).rank("dense") - 1).to_series()
    first_ms = np.full(len(ids), np.iinfo(np.int64).max)
    np.minimum.at(first_ms, account, ts)
    return Accounts(
        is_bot=known["label"].to_numpy() == 1,
        group=group.cast(pl.Int64).to_numpy(),
        first_ms=first_ms,
        events=np.bincount(account, minlength=len(ids)),
        weight=known["weight"].to_numpy() if "weight" in known.columns else None,
    )


def _fingerprint(points: Points, accounts: Accounts) -> str:
    content = hashlib.sha256()
    known = (accounts.is_bot, accounts.group, accounts.first_ms, accounts.weight)
    for piece in pieces(points.vectors):
        content.update(np.ascontiguousarray(piece).data)
    for column in (points.account, points.nth, *known):
        if column is not None:
            content.update(np.ascontiguousarray(column).tobytes())
    return content.hexdigest()
