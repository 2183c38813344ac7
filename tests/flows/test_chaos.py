"""Kill -9 at random moments of a real flow under load: nothing is missing, nothing doubled, nothing half there.

`just chaos N` runs it with N kills; CHAOS_SEED names another course of events.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import polars as pl
import pytest

from flows.clients import BrokerUnreachableError
from flows.producer import DeliveryError
from flows.state import read_totals

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
SEED = int(os.environ.get("CHAOS_SEED", "7"))
OUTCOMES = ("processed", "duplicate", "late", "dead")


class Chaos:
    """What can happen to a deployment; each is named after it, and all leave nothing running."""

    def __init__(self, stream: Any, server: Any, rng: random.Random) -> None:
        self.stream, self.server, self.rng = stream, server, rng
        self.happened: Counter[str] = Counter()

    def go(self, kills: int) -> None:
        """Let that many things happen, each kind before any comes again."""
        kinds = (
            self.one_worker,
            self.at_a_checkpoint,
            self.broker,
            self.starting,
            self.twice,
            self.stop_after_a_crash,
            self.cluster,
        )
        for number in range(kills):
            happen = kinds[number % len(kinds)]
            happen()
            self.happened[happen.__name__] += 1

    def cluster(self) -> None:
        """Kill all of it."""
        process = self._running()
        self._end(process)

    def one_worker(self) -> None:
        """Kill one process, see all start again, then kill all."""
        process = self._running()
        self._kill_a_worker(process)
        self.stream.wait_for_decisions(20)
        self._end(process)

    def at_a_checkpoint(self) -> None:
        """Kill it while a checkpoint is written, or right after."""
        process = self._running()
        store = self.stream.settings.state_dir / "recovery"
        before = self._written(store)
        while self._written(store) == before:
            time.sleep(0.001)
        time.sleep(self.rng.uniform(0, 0.02))
        self._end(process)

    def stop_after_a_crash(self) -> None:
        """Kill a worker, and ask the others to stop before they have caught up."""
        process = self._running()
        self._kill_a_worker(process)
        time.sleep(self.rng.uniform(0, 0.5))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=150)
        assert process.returncode == 0, errors

    def broker(self) -> None:
        """Take the broker away (Apache Kafka: kill it), see all go on when it is back, then kill all."""
        process = self._running()
        with self.server.away():
            time.sleep(self.rng.uniform(0, 5))
        self.stream.wait_for_decisions(20)
        self._end(process)

    def starting(self) -> None:
        """Kill it before it has read anything."""
        process = self.stream.spawn("--workers", self._workers())
        time.sleep(self.rng.uniform(0, 4))
        self._end(process)

    def twice(self) -> None:
        """Kill it, and again as soon as it is back."""
        self._end(self._running())
        process = self.stream.start("--workers", self._workers())
        time.sleep(self.rng.uniform(0, 2))
        self._end(process)

    def _running(self) -> Any:
        process = self.stream.start("--workers", self._workers())
        self.stream.wait_for_decisions(20)
        time.sleep(self.rng.uniform(0, 1))
        return process

    def _workers(self) -> str:
        return str(self.rng.choice([1, 1, 2, 3]))

    def _kill_a_worker(self, process: Any) -> None:
        self.rng.choice(self.stream.workers(process)).send_signal(signal.SIGKILL)

    def _end(self, process: Any) -> None:
        process.kill()  # the workers die with it, and with them the lock goes
        process.communicate()

    def _written(self, store: Any) -> int:
        return sum(file.stat().st_mtime_ns for file in store.glob("*-wal"))


@contextmanager
def under_load(stream: Any) -> Iterator[None]:
    """Feed it all the while."""
    enough = threading.Event()

    def feed() -> None:
        while not enough.is_set():
            with suppress(BrokerUnreachableError, DeliveryError):  # that is how it is while the broker is away
                stream.feed(100, rate=400)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        enough.set()
        feeder.join()


@contextmanager
def watched(stream: Any) -> Iterator[None]:
    """Read every file of the lake as soon as it is seen; each must be whole."""
    enough, seen, broken = threading.Event(), set(), []

    def watch() -> None:
        while not enough.wait(0.05):
            for path in set(stream.settings.lake_dir.glob("*/date=*/*")) - seen:
                seen.add(path)
                try:
                    pl.read_parquet(path)
                except (pl.exceptions.ComputeError, OSError) as error:
                    broken.append((path.name, str(error)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        enough.set()
        watcher.join()
    assert seen
    assert broken == []


@pytest.fixture(scope="module")
def survivor(new_stream: Callable[..., Any], server: Any) -> Any:
    """Run a deployment through all of it, then to the end."""
    stream = new_stream(epoch_seconds=0.1, lake_flush_seconds=0.2)
    chaos = Chaos(stream, server, random.Random(SEED))
    stream.feed(1000)
    with watched(stream):
        with under_load(stream):
            chaos.go(KILLS)
        stream.run("--workers", "2")
    sys.stdout.write(f"chaos: seed {SEED}, {KILLS} kills {dict(chaos.happened)}, {len(stream.sent):,} events\n")
    stream.wanted, stream.counts = stream.expected()
    return stream


def lake(stream: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    frame = pl.read_parquet(stream.settings.lake_dir / table / "**" / "*.parquet")
    return sorted(frame.select(columns).iter_rows())


def test_no_decision_is_missing_and_none_doubled(survivor: Any):
    assert len(survivor.wanted) > 500
    assert survivor.decisions() == survivor.wanted


def test_every_event_read_ended_as_one_thing(survivor: Any):
    totals = read_totals(survivor.settings)
    assert totals["read"] == sum(totals[name] for name in OUTCOMES)
    assert {name: totals[name] for name in survivor.counts} == survivor.counts


def test_every_dead_letter_is_there_once(survivor: Any):
    letters = survivor.read(survivor.settings.dead_letters_topic)
    places = [tuple(value for name, value in letter.headers() if name in ("partition", "offset")) for letter in letters]
    assert len(places) == len(set(places)) == survivor.counts["dead"]


def test_the_lake_has_every_row_once(survivor: Any):
    counts = survivor.counts
    events = lake(survivor, "events", "partition", "offset")
    assert len(events) == len(set(events)) == counts["processed"] + counts["duplicate"] + counts["late"]
    dead = lake(survivor, "dead_letters", "partition", "offset")
    assert len(dead) == len(set(dead)) == counts["dead"]
    assert len(lake(survivor, "scores", "event_id")) == counts["processed"]
    assert [i for (i,) in lake(survivor, "decisions", "decision_id")] == sorted(d[0] for d in survivor.wanted)
