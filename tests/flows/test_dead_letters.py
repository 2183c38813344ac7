"""`gillnet dlq` against a real broker: dead letters looked at, shown safely, and sent back as events."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector import cli
from detector.settings import Settings
from flows.broker import free_port
from flows.clients import ensure_topics
from flows.dead_letters import read_letters
from flows.producer import produce

GOOD = {"event_id": "e1", "type": "message", "account_id": "a", "ts": 1_767_571_200_000}
HOSTILE = b'{"text": "\x1b]0;owned\x07\x1b[2J", \xff\xfe\x00 "rtl": "\xe2\x80\xae"'
BROKEN = [
    json.dumps(GOOD | {"event_id": "e2", "type": "mesage"}).encode(),
    HOSTILE,
    b'{\n "event_id": "e3",\r\n "type": "message", "account_id": 7, "ts": 1767571200000}',
    json.dumps(GOOD | {"event_id": "e4", "type": "mesage"}).encode(),
]


@pytest.fixture
def gillnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Call the command line with a deployment's settings: exit code, and all it said."""

    def call(settings: Settings, *args: str) -> tuple[int, str]:
        for name in ("bootstrap_servers", "events_topic", "dead_letters_topic", "consumer_group"):
            monkeypatch.setenv(f"GILLNET_{name}".upper(), getattr(settings, name))
        with pytest.raises(SystemExit) as stop:
            cli.main(["dlq", *args])
        shown = capsys.readouterr()
        return int(stop.value.code or 0), shown.out + shown.err

    return call


@pytest.fixture(scope="module")
def stream(new_stream: Callable[..., Any]) -> Any:
    """Run a deployment over one event and four dead letters."""
    made = new_stream(topic_partitions=1)
    ensure_topics(made.settings)
    values = [json.dumps(GOOD).encode(), *BROKEN]
    produce(made.settings, made.settings.events_topic, [[(b"a", value) for value in values]])
    assert made.run()["dead"] == len(BROKEN)
    return made


def test_letters_are_read_back_as_they_came(stream: Any):
    letters = list(read_letters(stream.settings))
    assert [letter.value for letter in letters] == BROKEN
    assert [letter.place for letter in letters] == ["0-1", "0-2", "0-3", "0-4"]
    assert [letter.cause for letter in letters] == ["unknown_type", "not_json", "wrong_type", "unknown_type"]
    assert {letter.key for letter in letters} == {b"a"}


def test_letters_are_read_to_the_last_though_the_broker_goes_away_meanwhile(
    settings_of: Callable[..., Settings], server: Any
):
    # Fetched a little at a time, or all would be here before it goes.
    settings = settings_of(kafka={"fetch.max.bytes": "1000000", "queued.max.messages.kbytes": "1"})
    ensure_topics(settings)
    produce(settings, settings.dead_letters_topic, [[(b"a", bytes(2000))] * 4000])
    letters = read_letters(settings)
    next(letters)
    with server.away():
        time.sleep(1)
    assert sum(1 for _ in letters) == 3999


def test_the_list_counts_causes_and_shows_the_newest(stream: Any, gillnet: Callable[..., tuple[int, str]]):
    code, shown = gillnet(stream.settings, "list", "--limit", "2")
    assert code == 0
    assert "4 dead letters" in shown
    assert "2  unknown_type: " in shown
    assert "0-3  " in shown
    assert "0-2  " not in shown
    _, said = gillnet(stream.settings, "list", "--json")
    assert [json.loads(said)[name] for name in ("letters",)] == [4]
    assert {each["cause"]: each["letters"] for each in json.loads(said)["causes"]}["unknown_type"] == 2


def test_a_letter_is_shown_without_obeying_it(stream: Any, gillnet: Callable[..., tuple[int, str]]):
    for args in (("show", "0-2"), ("list",)):
        _, shown = gillnet(stream.settings, *args)
        assert r"\x1b]0;owned\x07\x1b[2J" in shown
        assert r"\xff\xfe\x00" in shown
        assert "\u202e" not in shown
        assert not set(shown) & {chr(code) for code in range(32) if chr(code) != "\n"}


def test_a_letters_bytes_can_be_had_untouched(stream: Any, gillnet: Callable[..., tuple[int, str]], tmp_path: Path):
    assert gillnet(stream.settings, "show", "0-2", "--output", str(tmp_path / "letter"))[0] == 0
    assert (tmp_path / "letter").read_bytes() == HOSTILE


def sent_back(stream: Any, before: int) -> list[tuple[bytes, dict[str, Any]]]:
    found = stream.read(stream.settings.events_topic)[before:]
    return [(message.key(), json.loads(message.value())) for message in found]


def test_a_file_of_repaired_letters_goes_back_under_the_accounts_key(
    stream: Any, gillnet: Callable[..., tuple[int, str]], tmp_path: Path
):
    path, before = tmp_path / "broken.jsonl", len(stream.read(stream.settings.events_topic))
    assert gillnet(stream.settings, "list", "--cause", "wrong_type", "--output", str(path))[0] == 0
    (line,) = path.read_bytes().splitlines()
    path.write_bytes(line.replace(b'"account_id": 7', b'"account_id": "seven"'))
    assert gillnet(stream.settings, "replay", "--repaired", str(path)) == (
        0,
        f"1 events sent to {stream.settings.events_topic}\n",
    )
    ((key, event),) = sent_back(stream, before)
    assert (key, event["account_id"]) == (b"seven", "seven")
    assert stream.run()["processed"] == 1


def test_an_editor_repairs_what_was_chosen_and_the_stream_takes_it(
    stream: Any, gillnet: Callable[..., tuple[int, str]], tmp_path: Path
):
    script = tmp_path / "mend.py"
    script.write_text(
        "import pathlib, sys\n"
        "letters = pathlib.Path(sys.argv[1])\n"
        "letters.write_bytes(letters.read_bytes().replace(b'mesage', b'message'))\n"
    )
    before = len(stream.read(stream.settings.events_topic))
    command = f"{sys.executable} '{script}'"
    assert gillnet(stream.settings, "replay", "--cause", "unknown_type", "--editor", command)[0] == 0
    assert {event["event_id"] for _, event in sent_back(stream, before)} == {"e2", "e4"}
    assert stream.run()["processed"] == 2


def test_nothing_is_sent_while_one_of_them_is_still_no_event(
    stream: Any, gillnet: Callable[..., tuple[int, str]], tmp_path: Path
):
    before = len(stream.read(stream.settings.events_topic))
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + BROKEN[0] + b"\n")
    for args in (("--repaired", str(path)), ("0-1",), ("--cause", "not_json")):
        code, shown = gillnet(stream.settings, "replay", *args)
        assert code == 1
        assert "nothing was sent" in shown
        assert shown.count("\n") == 1
    assert len(stream.read(stream.settings.events_topic)) == before


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("replay",), 2, "say what to send"),
        (("replay", "0-1", "--repaired", "x"), 2, "say what to send"),
        (("replay", "--repaired", "nowhere.jsonl"), 2, "cannot read 'nowhere.jsonl'"),
        (("replay", "0-1", "--editor", "no-such-editor"), 2, "cannot start 'no-such-editor'"),
        (("replay", "0-1", "--editor", "false"), 1, "ended with 1; nothing was sent"),
        (("show", "9-9"), 1, "no dead letter at 9-9"),
        (("replay", "--cause", "dullness"), 1, "no dead letter with cause 'dullness'"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_what_to_do(
    stream: Any, gillnet: Callable[..., tuple[int, str]], args: tuple[str, ...], code: int, message: str
):
    got, shown = gillnet(stream.settings, *args)
    assert (got, shown.count("\n")) == (code, 1)
    assert message in shown


def test_a_topic_that_is_not_there_and_a_broker_that_is_not_there_are_said(
    stream: Any, gillnet: Callable[..., tuple[int, str]]
):
    elsewhere = stream.settings.model_copy(update={"dead_letters_topic": "no-such-topic"})
    code, shown = gillnet(elsewhere, "list")
    assert (code, "dead_letters_topic" in shown) == (1, True)
    nobody = stream.settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    code, shown = gillnet(nobody, "list")
    assert (code, "no Kafka broker answered" in shown) == (1, True)
