from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from detector import cli
from detector.lake import LakeWriter
from detector.sql import view_names

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z


@pytest.fixture(autouse=True)
def _lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    writer = LakeWriter(tmp_path / "lake", "w0")
    texts = ["[red]hello[/red]\x1b[2J", "second"]
    writer.add("events", pl.DataFrame({"event_id": ["e0", "e1"], "ts": [NOON, NOON], "text": texts}))
    writer.stage(1)
    writer.publish(1)


def gillnet(*args: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["sql", *args])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_a_table_shows_hostile_text_harmlessly(capsys: pytest.CaptureFixture[str]):
    assert gillnet("SELECT text FROM events ORDER BY event_id") == 0
    shown = capsys.readouterr().out
    assert r"[red]hello[/red]\x1b[2J" in shown
    assert "\x1b" not in shown
    assert "2 rows" in shown


def test_a_table_says_when_it_stops_early(capsys: pytest.CaptureFixture[str]):
    assert gillnet("FROM range(100)", "--limit", "3") == 0
    assert "first 3 rows (--limit shows more)" in capsys.readouterr().out


def test_help_names_every_view(capsys: pytest.CaptureFixture[str]):
    assert gillnet("--help") == 0
    shown = capsys.readouterr().out
    assert [name for name in view_names() if name not in shown] == []


def test_json_has_every_row(capsys: pytest.CaptureFixture[str]):
    assert gillnet("SELECT event_id, ts, sum(1) OVER () AS n, NULL AS nothing FROM events ORDER BY 1", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {"event_id": "e0", "ts": "2026-01-05T12:00:00Z", "n": 2, "nothing": None}
    assert gillnet("FROM events WHERE false", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_csv_has_every_row(capsys: pytest.CaptureFixture[str]):
    assert gillnet("SELECT event_id, ts, ['a', 'b,c'] AS l FROM events ORDER BY 1", "--csv") == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "event_id,ts,l",
        'e0,2026-01-05T12:00:00Z,"[""a"",""b,c""]"',
    ]


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_an_answer_can_go_to_a_file(name: str, tmp_path: Path):
    assert gillnet("SELECT event_id FROM events ORDER BY 1", "--output", name) == 0
    read = pl.read_parquet if name.endswith("parquet") else pl.read_csv
    assert read(tmp_path / name)["event_id"].to_list() == ["e0", "e1"]
    assert not (tmp_path / f"{name}.tmp").exists()


@pytest.mark.parametrize(
    ("args", "message", "code"),
    [
        (["SELEC 1"], "syntax error", 2),
        (["SELECT 'a'::INT"], "Could not convert", 1),
        (["SELECT 1", "--lake-dir", "elsewhere"], "no lake in 'elsewhere'", 2),
        (["SELECT 1", "--json", "--csv"], "one of --json", 2),
        (["SELECT 1", "--output", "x.txt"], "end in .parquet or .csv", 2),
        (["SELECT 1", "--memory", "much"], "memory", 2),
        (["--json"], "expected a query", 2),
    ],
)
def test_what_is_wrong_is_said_in_a_line(args: list[str], message: str, code: int, capsys: pytest.CaptureFixture[str]):
    assert gillnet(*args) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_query_that_makes_texts_beyond_all_memory_is_stopped():
    """In a process of its own, for it is the process that is bounded."""
    query = "SELECT sum(length(repeat('x', 3000000000))) FROM range(8)"
    command = [Path(sys.executable).with_name("gillnet"), "sql", query, "--memory", "100MB"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "Out of Memory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_ceiling_on_memory_is_lifted_after_a_query():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert gillnet("SELECT 1") == 0
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_the_prompt_takes_queries_of_many_lines_and_survives_mistakes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    query = "SELECT event_id\nFROM events\nORDER BY 1;"
    typed = f".tables\n{query}\nnonsense;\n\\d labels\n.limit 1\nFROM events;\n.quit\nFROM no;"
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert gillnet() == 0
    shown = capsys.readouterr()
    assert "dead_letters" in shown.out
    assert "labelled_at" in shown.out
    assert "2 rows" in shown.out
    assert "first 1 rows" in shown.out
    assert shown.err.count("error: ") == 1


def test_the_views_can_be_taken_to_plain_duckdb(capsys: pytest.CaptureFixture[str]):
    import duckdb

    assert gillnet("--views") == 0
    plain = duckdb.connect()
    plain.execute(capsys.readouterr().out)
    assert plain.sql("SELECT count(*) FROM events").fetchall() == [(2,)]
