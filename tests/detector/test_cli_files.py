"""The commands that work on files, from the command line."""

import io
import json
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from detector import cli
from detector.simulator import Simulation, load_scenario
from features.catalogue import DEFAULT


def run(*args):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(arg) for arg in args])
    return stop.value.code


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_bytes(b"\n".join(event.value for event in Simulation(load_scenario("demo"), 7, 1500)) + b"\n")
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep gillnet.toml and relative paths out of the way."""
    monkeypatch.chdir(tmp_path)


def test_detect_writes_three_files_and_a_summary_that_adds_up(events, capsys):
    assert run("detect", events, "--output", "found", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["read"] == 1500
    assert summary["read"] == sum(summary[part] for part in ("processed", "duplicate", "late", "dead"))
    assert summary["accounts"] == len(pl.read_parquet("found/scores.parquet"))


def test_detect_says_in_words_what_it_did(events, capsys):
    assert run("detect", events, "--output", "found") == 0
    assert "1,500 events read = " in capsys.readouterr().out


def test_detect_reads_standard_input(events, monkeypatch, capsys):
    stdin = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(events.read_bytes())))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("detect", "-", "--output", "found", "--json") == 0
    assert json.loads(capsys.readouterr().out)["read"] == 1500


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.jsonl", "--output", "found"], "missing.jsonl"),
        (["{events}", "--output", "found", "--now", "noon"], "--now: expected RFC 3339"),
        (["{events}", "--output", "found", "--model", "nowhere"], "nowhere"),
    ],
)
def test_detect_says_what_is_wrong_with_its_arguments(args, message, events, capsys):
    assert run("detect", *(arg.format(events=events) for arg in args)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_what_counts_as_now_can_be_said(events, capsys):
    assert run("detect", events, "--output", "found", "--now", "2001-01-01T00:00:00Z", "--json") == 0
    assert json.loads(capsys.readouterr().out)["dead"] == 1500


def test_features_gives_a_vector_per_event(events, capsys):
    assert run("features", events, "--output", "all.parquet", "--json") == 0
    vectors = pl.read_parquet("all.parquet")
    assert json.loads(capsys.readouterr().out)["rows"] == len(vectors)
    assert vectors.columns == ["event_id", "account_id", "ts", *DEFAULT.names]
    assert vectors["event_id"].is_unique().all()


def test_the_last_vector_of_each_account_is_its_newest(events):
    assert run("features", events, "--output", "all.parquet") == 0
    assert run("features", events, "--output", "last.parquet", "--last") == 0
    every, last = pl.read_parquet("all.parquet"), pl.read_parquet("last.parquet")
    assert last.equals(every.unique("account_id", keep="last").sort("account_id"))


def test_the_list_of_features_has_them_all(capsys):
    assert run("features", "--list", "--json") == 0
    assert [feature["name"] for feature in json.loads(capsys.readouterr().out)] == list(DEFAULT.names)
    assert run("features", "--list") == 0
    assert DEFAULT.names[0] in capsys.readouterr().out


def test_features_asks_for_what_it_needs(capsys):
    assert run("features") == 2
    assert "expected INPUT and --output FILE, or --list" in capsys.readouterr().err
