"""Labels reach the lake once each, whatever is killed, and what is no label is kept with its bytes."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from detector.lake import LakeWriter
from detector.lake.staged import SUFFIX, held_in
from detector.settings import Settings
from flows.clients import ensure_topics
from flows.labels import LabelsToLake
from flows.producer import produce
from flows.state import Deployment

NewStream = Callable[..., Any]


def deployment() -> Deployment:
    fixed = dict.fromkeys(("decisions_partitions", "dead_letters_partitions", "campaigns_partitions"), 1)
    return Deployment(id="0a1b2c3d", shards=4, lanes=1, events_topic="e", scores_partitions=1, **fixed)


def label(number: int, **more: object) -> tuple[bytes, bytes]:
    value = {"account_id": f"a{number}", "label": "bot" if number % 2 else "human", "source": "analyst"} | more
    return f"a{number}".encode(), json.dumps(value).encode()


@pytest.fixture
def settings(settings_of: Callable[..., Settings]) -> Settings:
    made = settings_of(lake_flush_seconds=0.01)
    ensure_topics(made)
    return made


def send(settings: Settings, *made: tuple[bytes, bytes]) -> None:
    produce(settings, settings.labels_topic, [list(made)])


def reader(settings: Settings) -> LabelsToLake:
    return LabelsToLake(settings, deployment(), ensure_topics(settings)[settings.labels_topic])


def held(settings: Settings, table: str = "labels") -> pl.DataFrame:
    files = sorted((settings.lake_dir / table).glob("date=*/*.parquet"))
    return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files]) if files else pl.DataFrame()


def take(running: LabelsToLake, settings: Settings, until: int) -> None:
    deadline = time.monotonic() + 30
    while len(held(settings)) < until:
        assert time.monotonic() < deadline
        running.take()
        time.sleep(0.02)


def test_labels_are_in_the_lake_once_and_a_second_reader_goes_on(settings: Settings):
    send(settings, *(label(n, labelled_at="2026-01-05T12:00:00Z") for n in range(50)))
    first = reader(settings)
    take(first, settings, 50)
    send(settings, *(label(n) for n in range(50, 70)))
    reader(settings).finish()
    labels = held(settings)
    assert sorted(labels["account_id"]) == sorted(f"a{n}" for n in range(70))
    assert labels.filter(pl.col("account_id") == "a1").row(0, named=True)["label"] == 1
    assert {path.parent.name for path in (settings.lake_dir / "labels").glob("date=*/*")} >= {"date=2026-01-05"}


def test_a_label_without_a_time_has_that_of_its_arrival(settings: Settings):
    before_ms = time.time_ns() // 1_000_000
    send(settings, label(1))
    reader(settings).finish()
    at_ms = held(settings)["labelled_at"].dt.epoch("ms")[0]
    assert before_ms - 5_000 <= at_ms <= before_ms + 60_000


def test_what_is_no_label_is_kept_with_its_bytes_and_its_reason(settings: Settings):
    send(settings, (b"k", b"\xff{"), label(1), (b"k", b'{"account_id": "a", "label": "maybe"}'))
    reader(settings).finish()
    assert held(settings)["account_id"].to_list() == ["a1"]
    dead = held(settings, "dead_letters").sort("detail")
    assert dead["cause"].to_list() == ["bad_label"] * 2
    assert dead["value"].to_list() == [b"\xff{", b'{"account_id": "a", "label": "maybe"}']
    assert "bot, human, 1 or 0" in dead["detail"][1]
    assert dead["topic"].unique().to_list() == [settings.labels_topic]


def test_a_crash_between_any_two_steps_neither_loses_nor_doubles(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    send(settings, *(label(n) for n in range(40)))
    for step in ("stage", "publish", "forget"):
        with monkeypatch.context() as patched:
            patched.setattr(LakeWriter, step, stop_after(getattr(LakeWriter, step)))
            with pytest.raises(KeyboardInterrupt):
                reader(settings).finish()
    reader(settings).finish()
    assert sorted(held(settings)["account_id"]) == sorted(f"a{n}" for n in range(40))


def stop_after(step: Callable[..., Any]) -> Callable[..., Any]:
    """Do a step, and end as a kill would."""

    def stopped(*args: Any) -> None:
        step(*args)
        if args[1]:
            raise KeyboardInterrupt

    return stopped


def test_a_run_brings_the_labels_along(new_stream: NewStream):
    stream = new_stream()
    stream.feed(200)
    send(stream.settings, *(label(n) for n in range(10)))
    stream.run()
    assert sorted(held(stream.settings)["account_id"]) == sorted(f"a{n}" for n in range(10))
    send(stream.settings, *(label(n) for n in range(10, 12)))
    process = stream.start()
    deadline = time.monotonic() + 60
    while len(held(stream.settings)) < 12:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=60)
    assert len(held(stream.settings)) == 12
    staged = Path(stream.settings.lake_dir).rglob(f"*{SUFFIX}")
    assert "labels" not in {held.table for path in staged for held in held_in(path)}
