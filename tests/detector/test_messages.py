"""What the messages of a file say."""

import json

import polars as pl
import pytest

from detector import cli

PITCHES = (
    "Hello dear, I make 900 dollars a day with crypto, write me on telegram @quickcoins now",
    "hello d3ar!!! I make 950 dollars a day with crypto , write me on t e l e g r a m  @quickcoins now",
    "Hello dear \U0001f600 I make 900 dollars a day with cr\u0443pto, write me on my telegram: quickcoins today",
)


def write(path, texts):
    lines = [
        {"event_id": f"e{i}", "type": "message", "account_id": f"a{i}", "ts": 1_767_571_200_000 + i * 60_000, "text": t}
        for i, t in enumerate(texts)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def run(*args):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(arg) for arg in args])
    return stop.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_disguised_copies_are_one_group_with_one_contact(tmp_path, capsys):
    events = write(
        tmp_path / "events.jsonl", [*PITCHES, "Shall we meet at the lake on Sunday? I know a nice place there"]
    )
    assert run("messages", events, "--output", "said") == 0
    rows = pl.read_parquet("said/messages.parquet")
    assert rows["group"][:3].n_unique() == 1
    assert rows["group"][3] not in rows["group"][:3].to_list()
    assert rows["group_senders"][2] == 3
    assert (rows["scam_investment"][:3] > rows["scam_investment"][3]).all()
    assert set(rows["language"]) == {"en"}
    contacts = pl.read_parquet("said/contacts.parquet").filter(pl.col("value").str.contains("quickcoins"))
    assert contacts["account_id"].n_unique() == 3
    (group,) = pl.read_parquet("said/groups.parquet").to_dicts()
    assert (group["senders"], group["messages"]) == (3, 3)
    shown = capsys.readouterr().out
    assert "4 messages" in shown
    assert "3 accounts: " in shown


def test_a_summary_for_programs(tmp_path, capsys):
    assert run("messages", write(tmp_path / "events.jsonl", PITCHES), "--output", "said", "--json") == 0
    assert json.loads(capsys.readouterr().out)["groups"] == 1


def test_a_file_without_messages_is_no_error(tmp_path, capsys):
    (tmp_path / "events.jsonl").write_text('{"event_id":"1","type":"login","account_id":"a","ts":1767571200000}\n')
    assert run("messages", "events.jsonl", "--output", "said") == 0
    assert "0 messages" in capsys.readouterr().out
    assert pl.read_parquet("said/messages.parquet").height == 0


def test_an_empty_file_is_no_error(tmp_path):
    (tmp_path / "events.jsonl").touch()
    assert run("messages", "events.jsonl", "--output", "said") == 0
    assert pl.read_parquet("said/messages.parquet").height == 0


def test_a_missing_file_is_said(capsys):
    assert run("messages", "nowhere.jsonl", "--output", "said") == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
