"""The queries of docs/feature-queries.md give the numbers the stream wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import polars as pl
import pytest

from detector.contract.decode import decode
from detector.engine import AccountShard
from detector.files import limits_from
from detector.lake import LakeWriter
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import Policy
from detector.settings import Settings
from detector.shard_batch import whole
from detector.simulator import Simulation, load_scenario
from features.catalogue import DEFAULT, VIEWS
from features.intake import Intake
from features.specialise import specialise
from flows.lake_rows import frames

PAGE = (Path(__file__).parents[2] / "docs" / "feature-queries.md").read_text()
HOUR = 3_600_000
EVENTS, BATCH = 24_000, 3_000
STORY = (
    ("ann", "message", "bob", 0),
    ("bob", "message", "ann", 30),  # no answer: they were silent for more than a day
    ("ann", "message", "bob", 31),
    ("bob", "match", "ann", 32),
    ("bob", "message", "ann", 33),  # no answer: it follows the match
    ("ann", "like", "bob", 32.5),
    ("cas", "swipe", "ann", 40),
    ("cas", "message", "ann", 62),
    ("cas", "message", "ann", 30),  # too late
    ("fay", "report", "cas", 63),
    ("dee", "report", "cas", 80),  # cas holds nothing from before hour 55 now
    ("cas", "message", "bob", 61),
    ("fay", "report", "cas", 81),  # too late for the last vector of cas
    ("eve", "swipe", "dee", 0),
    ("eve", "swipe", "dee", 15 * 24),
    ("eve", "swipe", "dee", 15 * 24 + 20),
)
"""Who does what to whom, and at which hour, in the order of arrival."""
RELATIVE = {"gap_seconds_p50_24h": 0.19}
ABSOLUTE = {"gap_seconds_p50_24h": 0.064, "action_bigram_entropy_24h": 1e-6}
"""How far numbers may lie apart that are not exact; the others 1e-9."""


def blocks() -> dict[str, list[str]]:
    """Give the blocks of SQL under each heading."""
    sections = re.split(r"^## ", PAGE, flags=re.M)[1:]
    return {s.splitlines()[0]: re.findall(r"```sql\n(.*?)```", s, flags=re.S) for s in sections}


BEFORE, VECTORS = "Before the first", "What the stream wrote"
NAMES = [name for name in blocks() if name not in (BEFORE, VECTORS)]


class Nobody:
    """A model that suspects nobody."""

    version = "nobody"
    feature_names = DEFAULT.names

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.zeros(len(vectors))

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


def lines() -> list[bytes]:
    """Simulate a small platform for more than a week, and add the story.

    Events come late, twice, and many at once after a phone was offline, but no account has two at the same time.
    """
    scenario = replace(
        load_scenario("demo"),
        accounts=50,
        scale_accounts=False,
        late=0.02,
        late_seconds=1200,
        offline=0.001,
        offline_minutes=600,
    )
    taken, times, made = set(), {}, []
    for line in Simulation(scenario, 11, EVENTS):
        event = msgspec.json.decode(line.value)
        both = {event["account_id"], event.get("target_id")}
        if event["event_id"] not in times:
            while any((account, event["ts"]) in taken for account in both):
                event["ts"] += 1
            taken |= {(account, event["ts"]) for account in both if account}
        event["ts"] = times.setdefault(event["event_id"], event["ts"])
        made.append(event)
    start = max(times.values())
    made += [
        {"event_id": f"s{n}", "type": type_, "account_id": who, "target_id": whom, "ts": start + round(hours * HOUR)}
        for n, (who, type_, whom, hours) in enumerate(STORY)
    ]
    return [msgspec.json.encode(event) for event in made]


def write_lake(folder: Path) -> None:
    """Write what the engine makes of the stream, as `gillnet run` does from a topic with one partition."""
    plan = specialise(DEFAULT).plan
    policy = Policy(thresholds=(0.3, 0.5, 0.7, 0.9), durations_ms=(HOUR,) * 4, events_min=2, shadow=False)
    intake = Intake(plan, HOUR, shipped_reader(), MessageGroups())
    shard = AccountShard(DEFAULT, Nobody(), policy, HOUR, vectors_share=1.0)
    writer, made = LakeWriter(folder, "w0"), lines()
    for seq, start in enumerate(range(0, len(made), BATCH), start=1):
        decoded = decode(made[start : start + BATCH], limits_from(Settings()), 2**42)
        assert not decoded.dead
        arrived = decoded.events.with_columns(
            arrived_at="ts", partition=pl.lit(0, pl.Int32), offset=pl.int_range(start, start + len(decoded.events))
        )
        result = shard.process(whole(intake.process(arrived)), 0, now_ms=None)
        for table, rows in frames([result], DEFAULT.names).items():
            writer.add(table, rows)
        writer.stage(seq)
        writer.publish(seq)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Open the lake as the page says, in plain DuckDB."""
    folder = tmp_path_factory.mktemp("queries")
    write_lake(folder / "lake")
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as connection:
        patch.chdir(folder)
        for statement in blocks()[BEFORE]:
            connection.execute(statement)
        yield connection


@pytest.fixture(scope="module")
def kept(lake):
    """Read the last vector of every account."""
    return lake.sql(blocks()[VECTORS][0]).pl()


def test_the_page_covers_every_kind_of_feature():
    assert len(NAMES) >= 10
    assert set(NAMES) <= set(DEFAULT.names)
    assert all(len(blocks()[name]) == 1 for name in NAMES)
    views = [view for view in VIEWS if {f.name for f in view} & set(NAMES)]
    assert len(views) == len(VIEWS)


def test_the_stream_has_what_makes_counting_hard(lake, kept):
    outcomes = dict(lake.sql("SELECT outcome, count(*) FROM events GROUP BY outcome").fetchall())
    assert outcomes["duplicate"] > 10
    assert outcomes["late"] == 1
    assert lake.sql("SELECT count(*) FROM accounts WHERE since_24h > newest - INTERVAL 24 HOUR").fetchall() == [(1,)]
    days = lake.sql("SELECT count(DISTINCT date) FROM events").fetchall()[0][0]
    assert days > 7
    assert len(kept) == lake.sql("SELECT count(*) FROM accounts").fetchall()[0][0] > 50


@pytest.mark.parametrize("name", NAMES)
def test_sql_counts_what_the_stream_counted(name, lake, kept):
    answers = lake.sql(blocks()[name][0]).pl()
    assert answers.columns == ["account_id", name]
    both = kept.select("account_id", stream=name).join(answers, on="account_id", how="left", validate="1:1")
    stream, sql = (both[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("stream", name))
    far = ~np.isclose(stream, sql, rtol=RELATIVE.get(name, 1e-9), atol=ABSOLUTE.get(name, 1e-9), equal_nan=True)
    assert not far.any(), both.filter(far)
    assert len(set(stream[~np.isnan(stream)])) > 1, "a number that is the same for all shows nothing"
