"""``gillnet run`` from end to end, on a real broker."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import TopicPartition

from flows.broker import free_port
from flows.clients import consumer

NewStream = Callable[..., Any]
GILLNET = str(Path(sys.executable).with_name("gillnet"))


@dataclass(frozen=True)
class Done:
    """Two runs that have ended, the second on two workers, and what they should have come to."""

    stream: Any
    first: dict[str, int]
    second: dict[str, int]
    expected: list[tuple[Any, ...]]
    counts: Counter[str]

    def lake(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self.stream.settings.lake_dir / table / "**" / "*.parquet")


@pytest.fixture(scope="module")
def done(new_stream: NewStream) -> Done:
    stream = new_stream()
    stream.feed(3000)
    first = stream.run("--scores")
    stream.feed(2000)
    second = stream.run("--scores", "--workers", "2")
    return Done(stream, first, second, *stream.expected())


def test_events_become_decisions(done: Done):
    assert len(done.expected) > 200
    assert done.stream.decisions() == done.expected


def test_a_run_goes_on_where_the_last_one_ended(done: Done):
    assert (done.first["read"], done.second["read"]) == (3000, 2000)
    assert {name: done.first[name] + done.second[name] for name in done.first} == done.counts


def test_everything_read_is_accounted_for(done: Done):
    assert done.counts["read"] == sum(done.counts[name] for name in ("processed", "duplicate", "late", "dead"))
    assert min(done.counts[name] for name in ("processed", "duplicate", "dead")) > 0


def test_every_processed_event_has_its_score(done: Done):
    scores = [json.loads(message.value()) for message in done.stream.read(done.stream.settings.scores_topic)]
    assert len({score["event_id"] for score in scores}) == len(scores) == done.counts["processed"]
    names = {"schema", "account_id", "event_id", "event_ts", "score", "verdict", "model_version"}
    names |= {"language", "campaign_id", "spam", "scam", "contact_harvesting", "sexual_solicitation", "harassment"}
    assert scores[0].keys() == names


def test_the_lake_holds_every_row_once(done: Done):
    events = done.lake("events")
    assert events.height == done.counts["processed"] + done.counts["duplicate"]
    assert events.unique(["partition", "offset"]).height == events.height
    outcomes = dict(events["outcome"].value_counts().iter_rows())
    assert outcomes == {name: done.counts[name] for name in ("processed", "duplicate")}
    assert sorted(done.lake("decisions")["decision_id"]) == sorted(decision[0] for decision in done.expected)
    assert done.lake("scores").height == done.counts["processed"]
    assert done.lake("dead_letters").height == done.counts["dead"]
    assert "messages_count_1m" in done.lake("vectors").columns


def test_a_dead_letter_carries_its_bytes_its_place_and_its_cause(done: Done):
    settings = done.stream.settings
    events = {(m.partition(), m.offset()): m for m in done.stream.read(settings.events_topic)}
    letters = done.stream.read(settings.dead_letters_topic)
    assert len(letters) == done.counts["dead"]
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers()}
        original = events[int(headers["partition"]), int(headers["offset"])]
        assert (letter.key(), letter.value()) == (original.key(), original.value())
        assert (headers["cause"], headers["topic"]) == ("not_json", settings.events_topic)
        assert headers["seen_at"].endswith("Z")
        assert headers["detail"]


def test_the_group_knows_how_far_we_are(done: Done):
    topic = done.stream.settings.events_topic
    ends: dict[int, int] = {}
    for message in done.stream.read(topic):
        ends[message.partition()] = max(ends.get(message.partition(), 0), message.offset() + 1)
    client = consumer(done.stream.settings)
    places = client.committed([TopicPartition(topic, partition) for partition in ends], 10)
    client.close()
    assert {place.partition: place.offset for place in places} == ends


def refused(environment: dict[str, str], *flags: str) -> tuple[int, str]:
    """Run where it cannot; the exit code and the one line said."""
    result = subprocess.run([GILLNET, "run", *flags], env=environment, capture_output=True, text=True, timeout=60)
    (line,) = result.stderr.splitlines()
    return result.returncode, line


def test_shards_cannot_change_while_there_is_state(done: Done):
    code, line = refused(done.stream.environment | {"GILLNET_SHARDS": "5"})
    assert code == 2
    assert "begun with 4" in line


def test_sigterm_finishes_what_is_at_hand_and_a_second_start_meanwhile_is_refused(new_stream: NewStream):
    stream = new_stream()
    stream.feed(1000)
    process = stream.start("--workers", "2")
    stream.wait_for_decisions(20)
    code, line = refused(stream.environment)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert code == 1
    assert f"in use by process {process.pid}" in line
    assert stream.run()["read"] == 1000 - json.loads(out)["read"]
    assert stream.decisions() == stream.expected()[0]


def test_an_unreachable_broker_is_one_clear_line(tmp_path: Path):
    address = f"127.0.0.1:{free_port()}"
    code, line = refused(os.environ | {"GILLNET_STATE_DIR": str(tmp_path)}, "--bootstrap-servers", address)
    assert code == 1
    assert address in line
