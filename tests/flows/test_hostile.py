"""Ids and texts of hostile shape go through the flow, the lake and everything that shows them, and harm nothing."""

import csv
import io
import json
import re
import signal
import unicodedata
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from detector import cli
from flows.clients import ensure_topics
from flows.producer import produce
from flows.state import read_totals

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)  # which broker it is makes no difference
START_MS = 1_767_571_200_000
SHAPES = {
    "10 kB": "k" * 10_000,
    "10 kB of four-byte characters": "\U0001f40d" * 2500,
    "right to left": "\u202egnp.exe\u2066ab\u2069\u200f",
    "NUL": "nul\x00after\x00",
    "a path up": "../../../../tmp/gillnet-owned",
    "an absolute path": "/etc/passwd\x00.parquet",
    "a hive partition": "date=2001-01-01/x",
    "a pattern": "**/*[a-z]?{a,b}",
    "SQL": "x'; DROP VIEW events; COPY (SELECT 1) TO 'owned.csv'; --",
    "a formula": "=cmd|'/C calc'!A0+HYPERLINK(\"http://owned.example\")",
    "a formula with @": "@SUM(1+9)*cmd",
    "escapes": "\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\n\x9b2J\x85",
    "labels of Prometheus": 'a"} 1\n# TYPE owned counter\nowned{x="\\',
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "markup of the console": "[red]x[/red][link=http://owned.example]y[/link][/]",
    "a flag": "--help",
    "a template": "{0.__class__} %s %(x)s ${HOME} `id` $(id)",
    "JSON": '{"verdict": "allow"}\\u0000\\ud800',
    "combining": "Z" + "\u0335\u0310" * 300,
    "not normalised": "\ufeffe\u0301\u00ad\u200b",
}
EVENTS_EACH = 12


def event(shape: str, number: int) -> dict[str, Any]:
    """Make an event in which every text has the shape."""
    texts = ("conversation_id", "text", "reason", "ip", "device_id", "user_agent", "platform", "country", "name", "bio",
             "email_domain", "phone_prefix", "gender", "photo_hash", "direction", "currency", shape)  # fmt: skip
    return dict.fromkeys(texts, shape) | {
        "event_id": f"{number}{shape}", "type": "message", "account_id": shape, "target_id": f"{shape}{number}",
        "ts": START_MS + number * 1000, "links": [shape, f"http://{shape}"],
    }  # fmt: skip


def as_line(fields: dict[str, Any]) -> bytes:
    """Write it as it is: escaped, the longest would be over the size limit."""
    return json.dumps(fields, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def stream(new_stream: Callable[..., Any]) -> Any:
    """Run a deployment over all shapes, and keep what its metrics and its log said."""
    made = new_stream(topic_partitions=1, lake_flush_seconds=0.3)
    ensure_topics(made.settings)
    sent = [event(each, number) for number in range(EVENTS_EACH) for each in SHAPES.values()]
    lines = [(e["account_id"].encode(), as_line(e)) for e in sent]
    broken = [(s.encode(), s.encode()) for s in SHAPES.values()]
    produce(made.settings, made.settings.events_topic, [lines + broken])
    process = made.start("--verbose")
    assert process.stderr is not None
    made.wait_for_decisions(len(SHAPES))
    url = re.search(r"metrics (http\S+);", made.banner)
    assert url is not None
    with urllib.request.urlopen(url[1], timeout=10) as answer:
        made.metrics = answer.read().decode()
    made.workers(process)[0].kill()  # so that there is something to log
    process.send_signal(signal.SIGTERM)
    _, made.log = process.communicate(timeout=150)
    assert process.returncode == 0, made.log
    made.run()
    return made


@pytest.fixture
def gillnet(
    stream: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Call the command line with the deployment's settings; what it said, once that is known to be harmless."""
    monkeypatch.chdir(tmp_path)
    for name, value in stream.environment.items():
        if name.startswith("GILLNET_"):
            monkeypatch.setenv(name, value)

    def call(*args: str) -> str:
        with pytest.raises(SystemExit) as stop:
            cli.main(list(args))
        shown = capsys.readouterr()
        assert stop.value.code == 0, shown.err
        assert not obeyed(shown.out + shown.err), args
        return shown.out

    before = {path: path.stat().st_mtime_ns for path in stream.settings.lake_dir.rglob("*")}
    yield call
    assert {path: path.stat().st_mtime_ns for path in stream.settings.lake_dir.rglob("*")} == before


def obeyed(text: str) -> set[str]:
    """Give the characters of a text that a terminal would obey, or that hide what is there."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}}


@pytest.fixture(params=SHAPES, scope="module")
def shape(request: pytest.FixtureRequest) -> str:
    return SHAPES[request.param]


def test_every_shape_is_judged_and_every_line_accounted_for(stream: Any):
    totals = read_totals(stream.settings)
    assert totals["processed"] == len(SHAPES) * EVENTS_EACH
    assert totals["dead"] == len(SHAPES)
    decided = {json.loads(m.value())["account_id"] for m in stream.read(stream.settings.decisions_topic)}
    assert decided == set(SHAPES.values())


def test_the_lake_has_its_own_paths_only_and_the_texts_as_they_were(stream: Any):
    folder = stream.settings.lake_dir
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    own = re.compile(r"[a-z_]+/date=\d{4}-\d\d-\d\d/[0-9a-f.]+-\d{12}-\d{12}\.parquet")
    assert [path for path in paths if not own.fullmatch(path) and not path.startswith("_staging/")] == []
    assert {path.name for path in folder.parent.iterdir()} == {"lake", "state"}
    events = pl.read_parquet(folder / "events" / "*" / "*.parquet")
    for name in ("account_id", "text", "device_id"):
        assert set(events[name]) == set(SHAPES.values())
    assert {json.loads(extra).popitem() for extra in events["extra"]} == {(s, s) for s in SHAPES.values()}


def test_metrics_can_be_read_and_know_nobody(stream: Any):
    families = list(text_string_to_metric_families(stream.metrics))
    assert {family.name for family in families} >= {"gillnet_events", "gillnet_decisions"}
    assert all(family.name.startswith(("gillnet_", "python_", "process_")) for family in families)
    for each in SHAPES.values():
        assert each not in stream.metrics


def test_the_log_is_one_object_a_line_and_knows_nobody(stream: Any):
    lines = stream.log.splitlines()
    assert any("start again" in line for line in lines)
    assert all(json.loads(line)["process"] for line in lines)
    assert not obeyed(stream.log)
    for each in SHAPES.values():
        assert json.dumps(each)[1:-1] not in stream.log


@pytest.mark.parametrize("view", ["events", "accounts", "flagged", "decisions", "dead_letters"])
def test_sql_shows_them_as_tables_json_and_csv(view: str, gillnet: Callable[..., str], tmp_path: Path):
    query = f"FROM {view}"
    gillnet("sql", query, "--limit", "1000")
    rows = json.loads(gillnet("sql", query, "--json"))
    if "account_id" in rows[0]:
        assert {row["account_id"] for row in rows} == set(SHAPES.values())
    gillnet("sql", query, "--output", "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) > len(rows)
    assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))] == []
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_an_account_can_be_asked_for_by_its_id(shape: str, gillnet: Callable[..., str]):
    shown = gillnet("investigate", "--events", "100", "--", shape)
    assert shown.startswith("Account ")
    assert json.loads(gillnet("investigate", "--json", "--", shape))["standing"]["account_id"] == shape


def test_dead_letters_can_be_looked_at(shape: str, gillnet: Callable[..., str]):
    letters = json.loads(gillnet("dlq", "list", "--limit", "1000", "--json"))["newest"]
    (place,) = [letter["place"] for letter in letters if letter["value"] == shape]
    gillnet("dlq", "show", place)
    gillnet("dlq", "list", "--limit", "1000")


def test_files_of_them_can_be_judged(gillnet: Callable[..., str], tmp_path: Path):
    lines = [as_line(event(s, n)) for n in range(EVENTS_EACH) for s in SHAPES.values()]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    gillnet("detect", "events.jsonl", "--output", "found")
    scores = pl.read_parquet(tmp_path / "found" / "scores.parquet")
    assert set(scores["account_id"]) == set(SHAPES.values())
    gillnet("messages", "events.jsonl", "--output", "said")
    gillnet("features", "events.jsonl", "--last", "--output", "f.parquet")
    assert {path.name for path in tmp_path.iterdir()} == {"events.jsonl", "found", "said", "f.parquet"}


def test_a_mistake_that_quotes_them_is_one_harmless_line(stream: Any, monkeypatch: Any, capsys: Any):
    monkeypatch.setenv("GILLNET_LAKE_DIR", str(stream.settings.lake_dir))
    for args in (
        ["sql", "SELECT account_id::INT FROM events"],
        ["investigate", "nobody\x1b[2J"],
        ["sql", "FROM \x9b2J"],
    ):
        with pytest.raises(SystemExit):
            cli.main(args)
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert not obeyed(error)


def test_a_csv_cell_is_read_back_as_it_was_apart_from_the_apostrophe(gillnet: Callable[..., str]):
    shown = gillnet("sql", "SELECT DISTINCT account_id FROM events WHERE account_id LIKE '@%'", "--csv")
    assert list(csv.reader(io.StringIO(shown))) == [["account_id"], ["'" + SHAPES["a formula with @"]]]
