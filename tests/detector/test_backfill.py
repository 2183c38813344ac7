"""State filled from the lake is the state the stream would have."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.backfill import Filled, Filling, History
from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.lake import LakeWriter
from detector.policy import Policy, Standings
from detector.shard_batch import split
from detector.verdicts import named
from features.catalogue import DEFAULT
from features.entities import SharedEntities
from features.intake import arrive, fill
from features.specialise import specialise

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_700_000_000_000
ENTITY_SHARDS: Final = 3
PLAN: Final = specialise(DEFAULT).plan
DEPLOYMENT: Final = "0a1b2c3d"


class Greeter(NamedTuple):
    """A model that suspects who sends messages, and sees every feature."""

    version: str = "greeter"
    feature_names: tuple[str, ...] = DEFAULT.names

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.minimum(np.nan_to_num(vectors[:, DEFAULT.names.index("messages_count_24h")]) / 6, 1.0)

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return np.nan_to_num(vectors)


@dataclass
class Deployment:
    """The shards of a stream, without the stream, and the lake they write."""

    shards: int
    lake_dir: Path
    ttl_ms: int = 30 * DAY_MS
    accounts: list[AccountShard] = field(init=False)
    entities: list[SharedEntities] = field(init=False)
    epochs: int = 0

    def __post_init__(self) -> None:
        policy = Policy((0.3, 0.5, 0.7, 0.9), (HOUR_MS,) * 4, 2, shadow=False)
        self.accounts = [
            AccountShard(DEFAULT, Greeter(), policy, HOUR_MS, 1.0, self.ttl_ms) for _ in range(self.shards)
        ]
        self.entities = [SharedEntities(HOUR_MS) for _ in range(ENTITY_SHARDS)]

    def process(self, events: pl.DataFrame) -> dict[str, bytes]:
        """Take a batch; the vector after each event, and rows in the lake."""
        found: dict[str, bytes] = {}
        for place, batch in split(self._counted(events), self.shards):
            result = self.accounts[place].process(batch, -(2**60), None)
            writer = LakeWriter(self.lake_dir, f"{DEPLOYMENT}.{place}")
            writer.add("events", result.events)
            self.epochs += 1
            writer.stage(self.epochs)
            writer.publish(self.epochs)
            rows = result.vectors.select("event_id", "account_id", "ts").rows()
            found |= {str(row): v.tobytes() for row, v in zip(rows, result.sampled_vectors, strict=True)}
        return found

    def _counted(self, events: pl.DataFrame) -> Any:
        arrived = arrive(events, PLAN)
        shared = arrived.sharings
        counts = np.zeros((len(shared), 2), np.int32)
        for place, entities in enumerate(self.entities):
            rows = np.flatnonzero((shared.key >> np.uint64(40)) % np.uint64(ENTITY_SHARDS) == place)
            at = shared.row[rows]
            counts[rows] = entities.process(shared.key[rows], arrived.columns.account[at], arrived.columns.ts[at])
        fill(arrived.columns, shared, counts)
        return arrived

    def filling(self) -> Filling:
        return Filling(DEFAULT, self.shards, ENTITY_SHARDS, HOUR_MS, self.ttl_ms, idle_ms=30_000)

    def filled(self) -> tuple[Deployment, Filled]:
        """Make another deployment whose features come from this one's lake, and its verdicts from this one's state."""
        filled = from_lake(self.lake_dir, self.filling())
        other = Deployment(self.shards, self.lake_dir / "after", self.ttl_ms)
        for place, shard in enumerate(other.accounts):
            shard.restore(filled.accounts(place, self.accounts[place].snapshot()))
        for place, entities in enumerate(other.entities):
            entities.restore(filled.entities(place))
        return other, filled


def from_lake(lake_dir: Path, filling: Filling) -> Filled:
    filled = Filled(filling)
    with tempfile.TemporaryDirectory() as scratch:
        for batch in History(lake_dir, {DEPLOYMENT}, filling.horizon_ms, Path(scratch)).batches():
            filled.process(batch)
    return filled


def frame(rows: list[dict[str, Any]], partitions: int = 1, clock_errors: list[int] | None = None) -> pl.DataFrame:
    """Place events in the topic in the order given; only producers of a single partition may set wrong times."""
    usual = {"type": "message", "text": "hi", "account_id": "a", "ts": START_MS}
    events = pl.DataFrame([{"event_id": f"e{i}", **usual, **row} for i, row in enumerate(rows)], schema=EVENT_SCHEMA)
    part = [sum(map(ord, account)) % partitions for account in events["account_id"]]
    wrong = clock_errors or [0]
    return events.with_columns(
        arrived_at=pl.Series([START_MS + 10 * i - wrong[i % len(wrong)] for i in range(len(rows))], dtype=pl.Int64),
        partition=pl.Series(part, dtype=pl.Int32),
        offset=pl.int_range(len(rows), dtype=pl.Int64),
    )


@st.composite
def streams(draw: st.DrawFn) -> pl.DataFrame:
    """Draw events of accounts that meet and share; some come late or out of order, some with an id that was used."""
    rows: list[dict[str, Any]] = []
    now = START_MS
    for i in range(draw(st.integers(2, 60))):
        now += draw(st.sampled_from([0, 1, 900, 60_000, HOUR_MS, 25 * HOUR_MS]))
        row = {
            "event_id": f"e{draw(st.sampled_from([i, i, i, i, i // 2]))}",
            "account_id": draw(st.sampled_from("abcdef")),
            "ts": now - draw(st.sampled_from([0, 0, 5000, HOUR_MS // 2, 20 * HOUR_MS, 30 * HOUR_MS])),
            "type": draw(st.sampled_from(["message", "match", "swipe", "login", "report", "block", "signup"])),
            "target_id": draw(st.sampled_from([None, *"abcdef"])),
            "device_id": draw(st.sampled_from([None, "d1", "d2"])),
            "text": draw(st.sampled_from([None, "hello there, nice to meet you", "hi", "t.me/some_body"])),
            "direction": draw(st.sampled_from([None, "like", "pass"])),
        }
        rows.append(row)
    partitions = draw(st.integers(1, 3))
    wrong = draw(st.lists(st.integers(0, 500), min_size=1, max_size=4)) if partitions == 1 else None
    return frame(rows, partitions, wrong)


@settings(max_examples=30)
@given(streams(), st.integers(2, 4), st.lists(st.integers(0, 60), max_size=4), st.integers(1, 60))
def test_filled_state_goes_on_vector_for_vector_as_the_live_one(events, shards, cuts, stop):
    stop = min(stop, len(events))
    ends = sorted({*(c for c in cuts if c < stop), stop})
    with tempfile.TemporaryDirectory() as lake:
        live = Deployment(shards, Path(lake), ttl_ms=300 * DAY_MS)  # a stream may last 60 days
        for start, end in zip([0, *ends], ends, strict=False):
            live.process(events[start:end])
        other, filled = live.filled()
        assert filled.changed == 0
        assert filled.events == ends[-1]
        rest = events[ends[-1] :]
        assert other.process(rest) == live.process(rest)
        assert [standings(a) for a in live.accounts] == [standings(a) for a in other.accounts]


def standings(shard: AccountShard) -> list[tuple[Any, ...]]:
    state = shard.snapshot()
    return sorted(zip(*(state[name].tolist() for name in ("keys", *Standings._fields)), strict=True))


def test_what_is_late_or_repeated_was_seen_by_others_and_is_replayed(tmp_path: Path):
    """An id used again for another account, and an event late for its sender, count for those they are aimed at."""
    live = Deployment(2, tmp_path)
    first = {"event_id": "same", "target_id": "b", "device_id": "d"}
    again = {**first, "target_id": "c", "device_id": "d2"}
    late = {"target_id": "c", "ts": START_MS - 30 * HOUR_MS, "device_id": "d3"}
    live.process(frame([first, again, late]))
    other, filled = live.filled()
    assert pl.read_parquet(tmp_path / "events" / "*" / "*.parquet")["outcome"].sort().to_list() == [
        "duplicate", "late", "processed",
    ]  # fmt: skip
    look = frame([{"event_id": f"look-{a}", "account_id": a, "ts": START_MS + 1, "device_id": "d2"} for a in "abc"])
    vectors = live.process(look)
    assert other.process(look) == vectors
    received = DEFAULT.names.index("messages_received_count_24h")
    assert [np.frombuffer(v)[received] for v in vectors.values()].count(1) == 2
    assert filled.changed == 0


def test_verdicts_stay_in_force_also_of_accounts_the_lake_no_longer_knows(tmp_path: Path):
    live = Deployment(1, tmp_path)
    live.process(frame([{"event_id": f"{a}{i}", "account_id": a, "ts": START_MS + i} for a in "xy" for i in range(5)]))
    before = live.accounts[0].snapshot()
    assert {account for _, account, _ in named(before)} == {"x", "y"}
    empty = Deployment(1, tmp_path / "none")
    empty.process(frame([{"account_id": "y", "ts": START_MS}]))
    filled = from_lake(tmp_path / "none", empty.filling())
    carried = Deployment(1, tmp_path / "carried")
    carried.accounts[0].restore(filled.accounts(0, before))
    after = [
        carried.accounts[0].expire(START_MS + 3 * HOUR_MS, None),
        live.accounts[0].expire(START_MS + 3 * HOUR_MS, None),
    ]
    assert sorted(map(str, after[0])) == sorted(map(str, after[1]))
    assert len(after[0]) == 2


def test_history_reaches_back_as_long_as_an_account_is_known(tmp_path: Path):
    live = Deployment(2, tmp_path, ttl_ms=9 * DAY_MS)
    live.process(frame([{"ts": START_MS + day * DAY_MS} for day in range(20)]))
    filling = live.filling()
    assert filling.horizon_ms == 9 * DAY_MS + HOUR_MS
    history = History(tmp_path, {DEPLOYMENT}, filling.horizon_ms, tmp_path)
    assert (history.held(DEPLOYMENT), history.events) == (20, 10)
    assert sum(map(len, history.batches())) == 10


def test_only_the_deployments_asked_for_are_read(tmp_path: Path):
    live = Deployment(2, tmp_path)
    live.process(frame([{}, {"ts": START_MS + 1}]))
    assert History(tmp_path, {"another"}, DAY_MS, tmp_path).events == 0
    assert History(tmp_path, None, DAY_MS, tmp_path).deployments == [DEPLOYMENT]


def test_no_lake_is_no_history(tmp_path: Path):
    history = History(tmp_path / "none", None, DAY_MS, tmp_path)
    assert (history.events, list(history.batches())) == (0, [])
