from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from detector.contract.decisions import Decision, Reason
from detector.contract.events import EVENT_SCHEMA
from detector.lake import TABLES, LakeWriter, decisions_frame
from detector.lake.tables import TIME, LakeError

DAY_MS = 86_400_000
NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z


def events(*times_ms: int, first: int = 0) -> pl.DataFrame:
    rows = [
        {"event_id": f"e{first + n}", "type": "message", "account_id": "a", "ts": ts} for n, ts in enumerate(times_ms)
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA).with_columns(outcome=pl.lit("processed"))


def table(lake: Path, name: str) -> pl.DataFrame:
    return duckdb.sql(f"from read_parquet('{lake}/{name}/*/*.parquet', union_by_name = true)").pl()


def test_rows_appear_only_when_their_epoch_is_durable(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON))
    writer.stage(1)
    writer.add("events", events(NOON, first=1))
    writer.stage(2)
    writer.publish(1)
    assert table(tmp_path, "events")["event_id"].to_list() == ["e0"]
    writer.publish(2)
    assert sorted(table(tmp_path, "events")["event_id"]) == ["e0", "e1"]


def test_an_event_lies_under_its_own_day_in_utc(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON, NOON + DAY_MS))
    writer.stage(7)
    assert [path.relative_to(tmp_path).as_posix() for path in writer.publish(7)] == [
        "events/date=2026-01-05/w0-000000000007-000000000007.parquet",
        "events/date=2026-01-06/w0-000000000007-000000000007.parquet",
    ]


def test_a_row_without_a_time_lies_under_a_null_day(tmp_path: Path):
    writer = LakeWriter(tmp_path, "import")
    writer.add("labels", pl.DataFrame({"account_id": ["a"], "label": [1]}))
    writer.stage(1)
    writer.publish(1)
    read = f"read_parquet('{tmp_path}/labels/*/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(f"select account_id, date from {read}").fetchall() == [("a", None)]


def test_an_epoch_without_rows_leaves_no_file(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events())
    writer.stage(1)
    assert writer.publish(1) == ()
    assert list(tmp_path.rglob("*")) == []


def test_epochs_published_together_share_a_file(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    for seq in (1, 2, 3):
        writer.add("events", events(NOON + seq, first=seq))
        writer.stage(seq)
    assert [path.name for path in writer.publish(3)] == ["w0-000000000001-000000000003.parquet"]


def test_nothing_staged_is_left_once_it_is_forgotten(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON))
    writer.stage(1)
    writer.forget(1)
    assert writer.publish(1), "what is not published yet is not forgotten"
    writer.forget(1)
    assert list((tmp_path / "_staging" / "w0").iterdir()) == []


def test_times_come_as_numbers_or_text_and_are_read_as_times(tmp_path: Path):
    reason = Reason("LINKS", "Nine of ten messages carry a link", "link_ratio_24h", 0.9, 1.5)
    decision = Decision(
        decision_id="d",
        account_id="a",
        verdict="limit",
        previous_verdict="allow",
        score=0.9,
        reasons=(reason, reason),
        event_id="e0",
        event_ts="2026-01-05T12:00:00.047Z",
        decided_at="2026-01-05T12:00:00.050Z",
        expires_at=None,
        campaign_id=None,
        model_version="m",
        policy_version="p",
        shadow=False,
    )
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON + 47))
    writer.add("decisions", decisions_frame([decision]))
    writer.stage(1)
    writer.publish(1)
    row = table(tmp_path, "decisions").row(0, named=True)
    assert row["event_ts"] == table(tmp_path, "events")["ts"][0]
    assert row["event_ts"] == datetime.datetime(2026, 1, 5, 12, 0, 0, 47_000, tzinfo=datetime.UTC)
    assert row["reasons"][1]["contribution"] == 1.5
    assert row["expires_at"] is None


def test_no_decisions_make_a_table_without_rows():
    assert decisions_frame([]).schema == TABLES["decisions"].schema


@pytest.mark.parametrize("name", TABLES)
def test_a_table_keeps_its_columns_whatever_was_given(name: str, tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add(name, pl.DataFrame({TABLES[name].time: [NOON]}))
    writer.stage(1)
    (path,) = writer.publish(1)
    read = pl.read_parquet(path, hive_partitioning=False)
    assert read.schema == TABLES[name].schema
    assert read.schema[TABLES[name].time] == TIME


def test_vectors_bring_their_own_columns_which_may_change(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    for seq, feature in enumerate(("gap_seconds_cv_10m", "link_ratio_24h"), start=1):
        writer.add("vectors", pl.DataFrame({"event_id": [f"e{seq}"], "ts": [NOON], feature: [1]}))
        writer.stage(seq)
    writer.publish(2)
    rows = table(tmp_path, "vectors").sort("event_id")
    assert rows["link_ratio_24h"].to_list() == [None, 1.0]


def test_an_unknown_table_or_column_is_refused_by_name(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    with pytest.raises(LakeError, match="no table 'event'"):
        writer.add("event", events())
    with pytest.raises(LakeError, match="no column 'colour'"):
        writer.add("events", events().with_columns(colour=pl.lit("blue")))


def test_a_lane_that_could_leave_its_folder_is_refused(tmp_path: Path):
    with pytest.raises(LakeError, match="lane name"):
        LakeWriter(tmp_path, "../w0")


def test_lanes_with_alike_names_do_not_mix(tmp_path: Path):
    for lane in ("w1", "w1-2", "w12"):
        writer = LakeWriter(tmp_path, lane)
        writer.recover(0)
        assert writer.last_seq == 0
        writer.add("events", events(NOON))
        writer.stage(1)
        writer.publish(1)
        writer.forget(1)
        assert writer.last_seq == 1
    assert table(tmp_path, "events").height == 3


def test_a_state_older_than_the_lake_is_refused(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON))
    writer.stage(5)
    writer.publish(5)
    with pytest.raises(LakeError, match="published epoch 5, but the state ends at 3"):
        LakeWriter(tmp_path, "w0").recover(3)


def test_an_epoch_out_of_order_is_refused(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    writer.add("events", events(NOON))
    writer.stage(2)
    writer.add("events", events(NOON))
    with pytest.raises(LakeError, match="expected an epoch after 2"):
        writer.stage(2)


def test_a_folder_whose_name_looks_like_a_pattern_is_just_a_folder(tmp_path: Path):
    lake = tmp_path / "it's [a] *lake?"
    for restart in (1, 2):
        writer = LakeWriter(lake, "w0")
        writer.recover(restart - 1)
        writer.add("events", events(NOON))
        writer.stage(restart)
        assert len(writer.publish(restart)) == 1
