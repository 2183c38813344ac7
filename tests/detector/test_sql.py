from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import polars as pl
import pytest

from detector.contract.errors import GillnetError, UsageError
from detector.lake import LakeWriter
from detector.lake.tables import TABLES
from detector.sql import Lake, Limits, view_names, view_statement

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z
ODD = "it's a [lake] *?; drop"


def written(lake_dir: Path, seq: int = 1, **tables: dict[str, list[object]]) -> Path:
    writer = LakeWriter(lake_dir, "w0")
    for name, columns in tables.items():
        writer.add(name, pl.DataFrame(columns))
    writer.stage(seq)
    writer.publish(seq)
    writer.forget(seq)
    return lake_dir


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(written(tmp_path / "lake", events={"event_id": ["e0"], "account_id": ["a"], "ts": [NOON]}))


@pytest.mark.parametrize("name", view_names())
def test_every_view_answers_even_without_files(name: str, lake: Lake):
    assert len(lake.rows(f"SELECT count(*) FROM {name}")) == 1


@pytest.mark.parametrize("name", TABLES)
def test_a_view_has_the_same_columns_with_and_without_files(name: str, tmp_path: Path, lake: Lake):
    filled = Lake(written(tmp_path / "other", **{name: {TABLES[name].time: [NOON]}}))
    assert lake.rows(f"DESCRIBE {name}") == filled.rows(f"DESCRIBE {name}")


def test_a_folder_name_full_of_traps_is_just_a_name(tmp_path: Path):
    lake = Lake(written(tmp_path / ODD, events={"event_id": ["e0"], "ts": [NOON]}))
    assert lake.rows("SELECT event_id, date::VARCHAR AS day FROM events") == [{"event_id": "e0", "day": "2026-01-05"}]


def test_rows_that_come_while_it_is_open_are_seen(tmp_path: Path, lake: Lake):
    assert lake.rows("SELECT count(*) AS n FROM scores") == [{"n": 0}]
    written(tmp_path / "lake", 2, events={"event_id": ["e1"], "ts": [NOON]}, scores={"score": [0.5], "ts": [NOON]})
    assert lake.rows("SELECT count(*) AS n FROM events") == [{"n": 2}]
    assert lake.rows("SELECT score FROM scores") == [{"score": 0.5}]


def test_columns_that_come_while_it_is_open_are_seen(tmp_path: Path, lake: Lake):
    written(tmp_path / "lake", 2, vectors={"event_id": ["e0"], "ts": [NOON], "links_count_1h": [1]})
    assert lake.rows("SELECT links_count_1h FROM vectors") == [{"links_count_1h": 1.0}]
    written(tmp_path / "lake", 3, vectors={"event_id": ["e1"], "ts": [NOON], "age_hours": [2]})
    assert lake.rows("SELECT age_hours FROM vectors WHERE event_id = 'e1'") == [{"age_hours": 2.0}]


def test_a_reader_beside_a_writer_never_sees_half_a_file(tmp_path: Path):
    folder = written(tmp_path, events={"event_id": ["e0"], "ts": [NOON]})
    writing = threading.Thread(
        target=lambda: [written(folder, n, events={"event_id": ["e"] * 10, "ts": [NOON] * 10}) for n in range(2, 20)]
    )
    lake = Lake(folder)
    writing.start()
    counts = []
    while writing.is_alive():
        counts.append(lake.rows("SELECT count(*) AS n FROM events")[0]["n"])
    writing.join()
    assert counts == sorted(counts)
    assert {count % 10 for count in counts} == {1}


def test_plain_duckdb_gives_the_same_rows(tmp_path: Path):
    folder = written(
        tmp_path / ODD,
        events={"event_id": ["e0", "e1"], "account_id": ["a", "b"], "ts": [NOON, NOON + 86_400_000]},
        labels={"account_id": ["a"], "label": [1]},
        scores={"account_id": ["a"], "ts": [NOON], "score": [0.9]},
    )
    plain = duckdb.connect()
    plain.execute("SET TimeZone = 'UTC'")
    for name in view_names():
        plain.execute(view_statement(folder, name))
    for name in ("events", "labels", "accounts"):
        query = f"SELECT * FROM {name} ORDER BY ALL"
        assert plain.sql(query).to_arrow_table().to_pylist() == Lake(folder).rows(query)


WRITES = [
    "COPY events TO 'out.csv'",
    "COPY (SELECT 1) TO '{lake}/events/date=2026-01-05/evil.parquet'",
    "WITH a AS (COPY (SELECT 1) TO '{lake}/evil.csv') FROM a",
    "FROM (WITH a AS (COPY (SELECT 1) TO '{lake}/evil.csv') FROM a)",
    "SELECT (WITH a AS (COPY (SELECT 1) TO '{lake}/evil.csv') SELECT 1 FROM a)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/evil.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{lake}/evil.csv'",
    "EXPLAIN/**/ANALYZE COPY (SELECT 1) TO '{lake}/evil.csv'",
    "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '{lake}/evil.csv') FROM a",
    "PREPARE p AS COPY (SELECT 1) TO '{lake}/evil.csv'",
    "EXPORT DATABASE '{lake}/evil'",
    "ATTACH '{lake}/evil.db'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW events AS SELECT 1",
    "DROP VIEW events",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL enable_logging(storage = 'file', storage_config = {{'path': '{lake}/evil'}})",
    "FROM enable_logging(storage = 'file', storage_config = {{'path': '{lake}/evil'}})",
    "FROM enable_profiling(format = 'json', save_location = '{lake}/evil.json')",
    "PRAGMA threads = 3",
    "SET threads = 3",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET allowed_directories",
    "SET VARIABLE x = 1",
    "SET GLOBAL allowed_directories = ['/']",
    "SET memory_limit = '1TB'",
    "PRAGMA enable_external_access = true",
    "PRAGMA disable_checkpoint_on_shutdown",
    "CREATE SECRET s (TYPE s3)",
    "DETACH memory",
    "USE memory",
    "IMPORT DATABASE '{lake}'",
    "VACUUM",
    "CHECKPOINT",
    "INSTALL httpfs FROM 'http://127.0.0.1:1'",
    "ATTACH ':memory:' AS other",
    "FROM query('COPY (SELECT 1) TO ''{lake}/evil.csv'' ')",
    "FROM read_duckdb('{lake}/evil.db')",
    "CREATE MACRO m(a) AS a",
    "INSERT INTO events SELECT 1",
    "BEGIN",
]


@pytest.mark.parametrize("query", WRITES)
def test_nothing_but_reading_is_possible(query: str, tmp_path: Path, lake: Lake):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(GillnetError):
        lake.rows(query.format(lake=tmp_path / "lake"))
    assert sorted(tmp_path.rglob("*")) == before
    assert lake.rows("SELECT count(*) AS n FROM events") == [{"n": 1}]


@pytest.mark.parametrize(
    "source",
    [
        "read_text('{secret}')",
        "read_csv('{secret}')",
        "'{secret}'",
        "read_text('{lake}/../secret.csv')",
        "read_text('file://{secret}')",
        "read_text('{lake}/link.csv')",
        "read_text('{lake}/up/secret.csv')",
        "read_blob('/proc/self/environ')",
        "read_text('http://127.0.0.1:1/')",
        "read_text('s3://bucket/key')",
        "parquet_metadata('{secret}')",
        "sniff_csv('{secret}')",
        "duckdb_secrets()",
        "sqlite_scan('{secret}', 't')",
        "glob('/*')",
        "glob('{lake}/../*')",
    ],
)
def test_nothing_outside_the_lake_can_be_read(source: str, tmp_path: Path, lake: Lake):
    """Not by another function, another spelling, the network, or a link that somebody put into the lake."""
    (tmp_path / "secret.csv").write_text("hush")
    (tmp_path / "lake" / "link.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "lake" / "up").symlink_to(tmp_path)
    with pytest.raises(UsageError):
        lake.rows(f"FROM {source.format(secret=tmp_path / 'secret.csv', lake=tmp_path / 'lake')}")


def test_the_environment_cannot_be_read(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GILLNET_GRAFANA_TOKEN", "hush")
    with pytest.raises(UsageError, match="getenv does not exist"):
        lake.rows("SELECT getenv('GILLNET_GRAFANA_TOKEN')")


def test_a_query_over_its_memory_is_stopped_and_the_lake_answers_on(tmp_path: Path):
    small = Lake(written(tmp_path, events={"event_id": ["e0"], "ts": [NOON]}), Limits(memory="100MB"))
    with pytest.raises(GillnetError, match="Out of Memory"):
        small.rows("SELECT list(range) FROM range(100000000)")
    assert small.rows("SELECT 1 AS one") == [{"one": 1}]


def test_the_programs_own_variables_are_not_tables(lake: Lake):
    secret = pl.DataFrame({"token": ["hush"]})
    with pytest.raises(UsageError, match="secret does not exist"):
        lake.rows("FROM secret")
    assert secret.height


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nope FROM events", 'column "nope" not found'),
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "expected one query, got 2"),
        ("", "expected one query, got 0"),
        ("SELECT '\ud800'", "unprintable"),
        ("DELETE FROM events", "only reads"),
    ],
)
def test_a_mistake_is_one_line_without_the_query(query: str, message: str, lake: Lake):
    with pytest.raises(UsageError, match=message) as caught:
        lake.rows(query)
    assert "\n" not in str(caught.value)
    assert "LINE 1" not in str(caught.value)


def test_a_query_over_its_time_is_stopped_and_the_lake_answers_on(tmp_path: Path, lake: Lake):
    hurried = Lake(tmp_path / "lake", Limits(seconds=0.2))
    with pytest.raises(GillnetError, match=r"more than 0\.2 s"):
        hurried.rows("SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE random() < a.range")
    assert lake.rows("SELECT 1 AS one") == [{"one": 1}]
    assert hurried.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_folder_without_a_lake_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no lake in .*gillnet demo"):
        Lake(tmp_path)


def test_an_account_shows_its_latest_verdict_and_score(tmp_path: Path):
    decision = {"account_id": ["a", "a", "b"], "verdict": ["review", "block", "allow"]}
    times = {"event_ts": [NOON, NOON + 2, NOON], "decided_at": [NOON, NOON + 2, NOON]}
    lake = Lake(
        written(
            tmp_path,
            events={"account_id": ["a", "a", "b", "c"], "ts": [NOON, NOON + 2, NOON, NOON]},
            scores={"account_id": ["a", "a"], "ts": [NOON + 2, NOON], "score": [0.99, 0.6]},
            decisions={**decision, **times, "score": [0.6, 0.98, 0.1]},
            labels={"account_id": ["a"], "label": [1]},
        )
    )
    query = "SELECT account_id, verdict, score, events, decisions, label FROM accounts ORDER BY 1"
    assert [tuple(row.values()) for row in lake.rows(query)] == [
        ("a", "block", 0.99, 2, 2, 1),
        ("b", "allow", 0.1, 1, 1, None),
        ("c", "allow", None, 1, 0, None),
    ]
    assert [row["account_id"] for row in lake.rows("FROM flagged")] == ["a"]
