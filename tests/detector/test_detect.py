"""Detect judges files with the stream's engine, repeatably, and accounts for every line."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.contract import decisions
from detector.contract.times import rfc3339
from detector.detect import DEAD_LETTERS, DECISIONS, SCORES, day_end_ms, detect
from detector.settings import Settings
from features.catalogue import DEFAULT

START = 1_767_571_200_000
HOUR = 3_600_000
NOW = START + 30 * 24 * HOUR


class Counting:
    """A model that suspects accounts by how many messages they sent within an hour."""

    version = "counting-1"
    feature_names = ("messages_count_1h", "events_count_24h", "link_ratio_1h")
    thresholds = {"review": 0.3, "challenge": 0.5, "limit": 0.7, "block": 0.9}  # noqa: RUF012 -- never changed

    def score(self, vectors):
        """Rise with messages."""
        return 1 - np.exp(-vectors[:, 0] / 20)

    def explain(self, vectors):
        """Give every feature a share."""
        return np.nan_to_num(vectors) / 20


def message(account, number, at_ms, **fields):
    return {
        "event_id": f"{account}-{number}",
        "type": "message",
        "account_id": account,
        "ts": at_ms,
        "target_id": f"t{number % 7}",
        "text": f"hello {number}",
        **fields,
    }


def platform():
    """Lines of a chatty bot and two quiet people, a duplicate, a late event and four that are no events."""
    events = [message("bot", n, START + n * 20_000) for n in range(120)]
    events += [message(who, n, START + n * HOUR) for n in range(30) for who in ("ann", "bob")]
    events.sort(key=lambda event: event["ts"])
    events.insert(50, events[49])
    events.append(message("ann", 99, START - 10 * 24 * HOUR))
    lines = [json.dumps(event).encode() for event in events]
    lines[7:7] = [b"not json", b"[1]", b'{"event_id":"x"}', b"\xff\xfe"]
    return lines


@pytest.fixture
def events_file(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(platform()) + b"\n")
    return path


def judged(events_file, output, **kwargs):
    return detect(events_file, output, kwargs.pop("settings", Settings()), Counting(), NOW, **kwargs)


def files_of(folder: Path):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_line_is_accounted_for(events_file, tmp_path):
    summary = judged(events_file, tmp_path / "out")
    assert summary.read == len(platform())
    assert (summary.processed, summary.duplicate, summary.late, summary.dead) == (180, 1, 1, 4)
    assert summary.accounts == 3
    assert sum(summary.accounts_by_verdict.values()) == 3


def test_the_bot_is_found_and_the_people_are_left_alone(events_file, tmp_path):
    judged(events_file, tmp_path / "out")
    lines = (tmp_path / "out" / DECISIONS).read_bytes().splitlines()
    found = [decisions.decode(line) for line in lines]
    assert {decision.account_id for decision in found} == {"bot"}
    assert found[0].verdict == "review"
    assert found[0].decided_at == found[0].event_ts
    assert found[-1].verdict in {"block", "allow"}


def test_decisions_come_in_the_order_of_event_time(events_file, tmp_path):
    judged(events_file, tmp_path / "out", settings=Settings(review_hours=0.1, block_hours=0.2))
    lines = (tmp_path / "out" / DECISIONS).read_bytes().splitlines()
    times = [decisions.decode(line).event_ts for line in lines]
    assert times == sorted(times)


def test_an_account_has_one_row_with_what_is_in_force_at_the_end(events_file, tmp_path):
    judged(events_file, tmp_path / "out")
    scores = pl.read_parquet(tmp_path / "out" / SCORES)
    assert scores.columns == ["account_id", "score", "verdict", "first_flagged_ts", "events_seen"]
    assert scores["account_id"].to_list() == ["ann", "bob", "bot"]
    assert scores["events_seen"].to_list() == [30, 30, 120]
    assert scores["verdict"].to_list()[:2] == ["allow", "allow"]
    last = decisions.decode((tmp_path / "out" / DECISIONS).read_bytes().splitlines()[-1])
    assert scores["verdict"][2] == last.verdict
    first = decisions.decode((tmp_path / "out" / DECISIONS).read_bytes().splitlines()[0])
    assert rfc3339(scores["first_flagged_ts"].dt.epoch("ms")[2]) == first.event_ts
    assert scores["first_flagged_ts"][0] is None


def test_a_verdict_whose_time_is_over_ends_with_a_decision(events_file, tmp_path):
    judged(events_file, tmp_path / "out", settings=Settings(block_hours=1, limit_hours=1, challenge_hours=1))
    last = decisions.decode((tmp_path / "out" / DECISIONS).read_bytes().splitlines()[-1])
    assert (last.verdict, last.reasons[0].code) == ("allow", "EXPIRED")


def test_the_same_input_gives_the_same_bytes(events_file, tmp_path):
    judged(events_file, tmp_path / "once")
    judged(events_file, tmp_path / "again")
    assert files_of(tmp_path / "once") == files_of(tmp_path / "again")


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_where_chunks_end_does_not_show(chunk, events_file, tmp_path):
    settings = Settings(block_hours=1, limit_hours=0.5, review_hours=0.1, events_min=3)
    judged(events_file, tmp_path / "whole", settings=settings)
    judged(events_file, tmp_path / "pieces", settings=settings, chunk=chunk)
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "pieces")


def test_dead_letters_keep_their_bytes_and_say_why(events_file, tmp_path):
    judged(events_file, tmp_path / "out")
    letters = [json.loads(line) for line in (tmp_path / "out" / DEAD_LETTERS).read_text().splitlines()]
    assert [letter["row"] for letter in letters] == [7, 8, 9, 10]
    assert [letter["cause"] for letter in letters] == [
        "not_json",
        "not_an_object",
        "missing_field",
        "not_json",
    ]
    assert letters[0]["value"] == "not json"
    assert letters[3]["value_base64"] == "//4="


def test_a_file_without_events_gives_empty_results(tmp_path):
    (tmp_path / "none.jsonl").write_bytes(b"")
    summary = judged(tmp_path / "none.jsonl", tmp_path / "out")
    assert (summary.read, summary.accounts) == (0, 0)
    assert len(pl.read_parquet(tmp_path / "out" / SCORES)) == 0
    assert (tmp_path / "out" / DECISIONS).read_bytes() == b""


def test_all_moments_of_a_day_count_as_its_end():
    assert day_end_ms(START) == day_end_ms(START + 23 * HOUR) == START + 24 * HOUR


def test_the_model_reads_features_by_name():
    assert set(Counting.feature_names) <= set(DEFAULT.names)
