"""Kill -9 at random moments changes no count of who shares what. `test_chaos` has what else it must not change."""

import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from detector.contract.events import EVENT_SCHEMA
from detector.lake import LakeWriter
from flows.clients import ensure_topics
from flows.lake_plan import LakePlan
from flows.state import open_deployment


def feed(stream: Any, enough: threading.Event) -> None:
    while not enough.is_set():
        stream.feed(100, rate=400)


def killed_again_and_again(stream: Any, rng: random.Random, kills: int) -> None:
    """Feed and run it, kill all or one of its processes, change the number of workers; at the end let it finish."""
    stream.feed(1000)
    enough = threading.Event()
    feeder = threading.Thread(target=feed, args=(stream, enough), daemon=True)
    feeder.start()
    for attempt in range(kills):
        process = stream.start("--workers", str(rng.choice([1, 2])))
        stream.wait_for_decisions(20)
        time.sleep(rng.uniform(0, 1.5))
        if attempt % 2:
            rng.choice(stream.workers(process)).send_signal(signal.SIGKILL)
            stream.wait_for_decisions(20)
            time.sleep(rng.uniform(0, 0.5))
        process.kill()  # the workers die with it, and with them the lock goes
        process.communicate()
    enough.set()
    feeder.join()
    stream.run("--workers", "2")


def test_kills_change_no_count_of_who_shares_what(new_stream: Callable[..., Any], crowd_model_dir: Path):
    """With one partition, what accounts share and receive depends on the order of the topic alone."""
    stream = new_stream(epoch_seconds=0.1, topic_partitions=1, model_dir=crowd_model_dir)
    killed_again_and_again(stream, random.Random(11), 2)
    expected, _ = stream.expected()
    assert len(expected) > 300
    assert stream.decisions() == expected


def test_what_a_killed_worker_staged_is_not_published_by_a_run_that_has_nothing_to_write(
    new_stream: Callable[..., Any],
):
    """The worker dies between staging its first epoch and its snapshot; the next run ends before it is given events."""
    stream = new_stream(topic_partitions=1)
    stream.settings.state_dir.mkdir(parents=True)
    topics = ensure_topics(stream.settings)
    plan = LakePlan.of(stream.settings, open_deployment(stream.settings, topics))
    event = {"event_id": "never", "type": "message", "account_id": "a", "ts": int(time.time() * 1000)}
    for number in range(plan.lanes):
        lane = LakeWriter(plan.folder, plan.lane(number))
        lane.add("events", pl.DataFrame([event], EVENT_SCHEMA).with_columns(outcome=pl.lit("processed")))
        lane.stage(1)
    stream.run()
    stream.feed(50)
    assert stream.run()["read"] == 50
    events = pl.read_parquet(plan.folder / "events/*/*.parquet")
    assert len(events) == 49  # one of fifty is no event
    assert "never" not in set(events["event_id"])
