"""``gillnet run --backfill-from lake`` on a real broker: new features go on as if they had always been there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from detector.backfill import History
from detector.replay import Replay
from detector.simulator import load_scenario, simulate
from features.arrays import PROCESSED
from features.catalogue import DEFAULT
from flows.clients import ensure_topics
from flows.producer import produce
from flows.state import read_totals

NewStream = Callable[..., Any]
GILLNET = str(Path(sys.executable).with_name("gillnet"))
KEYS = ["event_id", "account_id"]
SMALLER = """
import sys
from types import SimpleNamespace

import features.catalogue as catalogue

SHORT = tuple(f for f in catalogue.DEFAULT.features if f.window_ms is not None and f.window_ms <= catalogue.HOUR)
catalogue.DEFAULT = catalogue.Catalogue(SHORT)
sys.modules["detector.warm"] = SimpleNamespace(warm=lambda: None)  # the shipped model reads features it lacks
"""
YEAR_MS = 365 * 86_400_000
OTHERS = re.compile(
    r"^accounts_per_|received|^reporters_|^(opened|unanswered|answered)_ratio|^turns_per_|^own_words_"
    r"|^match_to_message_|^answer_seconds_|_before_contact_|^opening_repeats_"
    r"|^text_(copies|senders|campaign|answer)_|^copied_|^shape_repeats_|^on_(topic|script)_"
)
"""Features that count what other accounts do: share an entity, send a text alike, act upon the account, or answer."""
NEW = "messages_count_24h"
"""A feature the smaller catalogue lacks."""


pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)  # which broker it is makes no difference


@pytest.fixture(autouse=True)
def every_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the vector of every event in the lake."""
    monkeypatch.setenv("GILLNET_LAKE_VECTORS_SHARE", "1.0")


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Switch between this Gillnet and an older one, whose catalogue is smaller."""
    (tmp_path / "sitecustomize.py").write_text(SMALLER)  # Python runs it at the start of each process
    known = os.environ.get("PYTHONPATH", "")

    def switch(on: bool) -> None:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path) if on else "", known])))

    return switch


def lake(stream: Any, table: str) -> pl.DataFrame:
    frames = [pl.read_parquet(file) for file in sorted(stream.settings.lake_dir.glob(f"{table}/*/*.parquet"))]
    return pl.concat(frames, how="diagonal")


def full_vectors(stream: Any) -> pl.DataFrame:
    """Read the vectors that have every feature."""
    vectors = lake(stream, "vectors")
    return vectors.filter(pl.col(NEW).is_not_null()).select(*KEYS, *DEFAULT.names).sort(KEYS)


def different(some: pl.DataFrame, others: pl.DataFrame) -> list[str]:
    """Name the features that are not the same to the bit in all rows."""
    assert some.select(KEYS).equals(others.select(KEYS))
    pairs = ((name, some[name].to_numpy(), others[name].to_numpy()) for name in DEFAULT.names)
    return [name for name, one, other in pairs if not np.array_equal(one, other, equal_nan=True)]


def uninterrupted(new_stream: NewStream, sent: list[tuple[bytes, bytes]], **more: object) -> Any:
    """Run the same events in one go."""
    stream = new_stream(topic_partitions=1, **more)
    ensure_topics(stream.settings)
    produce(stream.settings, stream.settings.events_topic, [sent])
    stream.run()
    return stream


def said(stream: Any, *flags: str) -> tuple[int, str]:
    """Run to the end of the topic; the exit code and all that was said."""
    command = [GILLNET, "run", "--until-end", *flags]
    result = subprocess.run(command, env=stream.environment, capture_output=True, text=True, timeout=120)
    return result.returncode, result.stderr


def same_from_here(stream: Any, other: Any, count: int) -> None:
    """Compare what both streams kept of the newest events."""
    vectors = full_vectors(stream)
    assert len(vectors) == count
    assert different(vectors, full_vectors(other).join(vectors.select(KEYS), on=KEYS, how="semi").sort(KEYS)) == []


def test_a_new_feature_goes_on_as_if_it_had_always_been_there(new_stream: NewStream, older: Callable[[bool], None]):
    older(True)
    stream = new_stream(topic_partitions=1)
    stream.feed(2000)
    assert stream.run()["read"] == 2000
    assert NEW not in lake(stream, "vectors").columns

    older(False)
    stream.feed(1000)
    code, lines = said(stream)
    assert code == 2
    assert "--backfill-from lake" in lines.splitlines()[-1]
    assert "Traceback" not in lines
    assert NEW not in lake(stream, "vectors").columns

    code, lines = said(stream, "--backfill-from", "lake", "--workers", "2")
    assert code == 0, lines
    assert f"filled {len(DEFAULT.names)} features of 200 accounts from 1,960 events in the lake" in lines
    assert "another outcome" not in lines
    other = uninterrupted(new_stream, stream.sent)
    totals = read_totals(stream.settings)
    assert totals == read_totals(other.settings)
    processed = lake(stream, "events").filter(pl.col("offset") >= 2000, outcome="processed")
    same_from_here(stream, other, len(processed))
    assert stream.decisions() == other.decisions()

    stream.feed(100)
    code, lines = said(stream, "--backfill-from", "lake")
    assert code == 0, lines
    assert "nothing to fill" in lines


def test_after_a_crash_what_was_only_staged_is_filled_from_too(new_stream: NewStream, older: Callable[[bool], None]):
    older(True)
    stream = new_stream(topic_partitions=1, lake_flush_seconds=3600)
    stream.feed(2000)
    process = stream.start("--workers", "2")
    stream.wait_for_decisions(30)
    process.kill()
    process.communicate()
    older(False)
    stream.feed(500)
    stream.run("--backfill-from", "lake")
    events = lake(stream, "events")
    assert events.unique(["partition", "offset"]).height == events.height == 2450
    other = uninterrupted(new_stream, stream.sent)
    same_from_here(stream, other, len(full_vectors(stream)))
    assert len(full_vectors(stream)) >= 450


def test_a_new_state_is_filled_from_the_lake_of_the_one_before(new_stream: NewStream):
    stream = new_stream(topic_partitions=1)
    stream.feed(1500)
    stream.run()
    before = lake(stream, "vectors")
    stream.settings = stream.settings.model_copy(update={"state_dir": stream.settings.state_dir.with_name("new")})
    stream.feed(500)
    stream.run("--backfill-from", "lake")
    counted, other = read_totals(stream.settings), uninterrupted(new_stream, stream.sent)
    assert counted["processed"] == read_totals(other.settings)["processed"] - len(before)
    after = full_vectors(stream).join(before.select(KEYS), on=KEYS, how="anti").sort(KEYS)
    assert len(after) == counted["processed"]
    assert different(after, full_vectors(other).join(after.select(KEYS), on=KEYS, how="semi").sort(KEYS)) == []


def simulated(new_stream: NewStream, partitions: int, *flags: str) -> Any:
    """Run a simulated platform; what it kept of every event."""
    stream = new_stream(topic_partitions=partitions)
    ensure_topics(stream.settings)
    events = [(event.key, event.value) for event in simulate(load_scenario("demo"), 7, 6000)]
    produce(stream.settings, stream.settings.events_topic, [events])
    stream.run(*flags)
    return stream


def from_history(stream: Any, scratch: Path) -> pl.DataFrame:
    """Build the vectors again from the lake's events."""
    replay, found = Replay(DEFAULT), []
    for batch in History(stream.settings.lake_dir, None, YEAR_MS, scratch).batches():
        outcomes, values = replay.process(batch)
        kept = outcomes == PROCESSED
        found.append(batch.select(KEYS).filter(kept).hstack(pl.DataFrame(values[kept], schema=list(DEFAULT.names))))
    return pl.concat(found).sort(KEYS)


def test_a_vector_logged_live_is_the_one_built_from_history(new_stream: NewStream, tmp_path: Path):
    stream = simulated(new_stream, 1)
    assert len(full_vectors(stream)) > 5000
    assert different(full_vectors(stream), from_history(stream, tmp_path)) == []


def test_with_several_partitions_only_what_others_do_may_differ(new_stream: NewStream, tmp_path: Path):
    """The lake does not know in which order batches of different partitions were taken."""
    stream = simulated(new_stream, 3, "--workers", "2")
    names = different(full_vectors(stream), from_history(stream, tmp_path))
    assert [name for name in names if not OTHERS.search(name)] == []
