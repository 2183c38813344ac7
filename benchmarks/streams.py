"""What benchmarks of the running stream share: simulated events, ``gillnet run`` beside us, its metrics and output."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

import msgspec
import psutil
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING
from prometheus_client.parser import text_string_to_metric_families

from detector.contract.decisions import decode
from detector.settings import load_settings
from detector.simulator import load_scenario, simulate
from flows.broker import EmbeddedBroker
from flows.clients import consumer, ensure_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.settings import Settings

MIB: Final = 1 << 20
GILLNET: Final = str(Path(sys.executable).with_name("gillnet"))
BEFORE_START: Final = 10_000
"""Events that lie in the topic when a run starts, to see when it judges."""
_PER_BATCH: Final = 50
_START_SECONDS_MAX: Final = 60


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Let a person name a broker."""
    parser.add_argument("--bootstrap-servers", help="a broker whose topics of Gillnet are empty  [default: embedded]")


@contextmanager
def topics(given: str | None, partitions: int) -> Iterator[Settings]:
    """Make the topics on the broker that was named, or else on an embedded one; settings that reach them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a stopped benchmark leaves nothing running
    with ExitStack() as stack:
        servers = given or stack.enter_context(EmbeddedBroker()).bootstrap_servers
        settings = load_settings(bootstrap_servers=servers, topic_partitions=partitions)
        ensure_topics(settings)
        yield settings


def run_command(settings: Settings, work: Path, workers: int, metrics_port: int = 0) -> list[str]:
    """Write the command of a run whose state and lake are in ``work``; it prints its counts as JSON."""
    command = [GILLNET, "run", "--json", "--bootstrap-servers", settings.bootstrap_servers, "--workers", str(workers)]
    command += ["--state-dir", str(work / "state"), "--lake-dir", str(work / "lake")]
    return [*command, "--metrics-port", str(metrics_port)]


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside us, and stop it in order at the end; ``counts_of`` tells what it printed then."""
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    try:
        yield run
    finally:
        run.terminate()


def counts_of(run: subprocess.Popen[str]) -> dict[str, int]:
    """Wait for a run to end, and read the counts it closes with."""
    counts: dict[str, int] = json.loads(run.communicate()[0])
    return counts


def simulated(count: int) -> list[tuple[bytes, bytes]]:
    """Simulate that many events of the scenario of load, each with its key; the ids say which it is: e0, e1, ..."""
    events = simulate(replace(load_scenario("load"), malformed=0.0), 1, count)
    return [_numbered(number, event.value) for number, event in enumerate(events)]


def _numbered(number: int, value: bytes) -> tuple[bytes, bytes]:
    fields = msgspec.json.decode(value) | {"event_id": f"e{number}"}
    return fields["account_id"].encode(), msgspec.json.encode(fields)


def in_batches(
    events: list[tuple[bytes, bytes]], first: int, at: dict[str, float]
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Give events in small batches, and note when; ``first`` is the number of the first."""
    for start in range(0, len(events), _PER_BATCH):
        batch, now = events[start : start + _PER_BATCH], time.time()
        at |= {f"e{first + start + n}": now for n in range(len(batch))}
        yield batch


def wait(arrived: dict[str, float]) -> float:
    """Wait for the first decision; return how long that took, or end the benchmark."""
    began = time.time()
    while not arrived:
        if time.time() > began + _START_SECONDS_MAX:
            sys.exit(f"expected a decision within {_START_SECONDS_MAX} s of the start, got none")
        time.sleep(0.01)
    return min(arrived.values()) - began


def metrics_of(port: int) -> dict[str, float]:
    """Scrape a run; each metric summed over its labels."""
    totals: dict[str, float] = {}
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        for family in text_string_to_metric_families(page.read().decode()):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def processes(run: int) -> list[psutil.Process]:
    """List the launcher and its workers."""
    launcher = psutil.Process(run)
    return [launcher, *launcher.children(recursive=True)]


def resident_mib(run: int) -> int:
    """Add up what launcher and workers have in memory."""
    return round(sum(process.memory_info().rss for process in processes(run)) / MIB)


def unaccounted(counted: dict[str, int]) -> int:
    """Say of how many events that were read it is not known what became of them, by the closing counts of a run."""
    return counted["read"] - sum(counted[name] for name in ("processed", "duplicate", "late", "dead"))


@contextmanager
def arrivals(settings: Settings) -> Iterator[dict[str, float]]:
    """Note, while the block lasts, at what time the first decision about each event could be read."""
    arrived, stop = dict[str, float](), threading.Event()
    watcher = threading.Thread(target=_watch, args=(settings, arrived, stop), daemon=True)
    watcher.start()
    try:
        yield arrived
    finally:
        stop.set()
        watcher.join()


def _watch(settings: Settings, arrived: dict[str, float], stop: threading.Event) -> None:
    reader = consumer(settings, group="benchmark", auto_offset_reset="earliest", fetch_wait_max_ms=5)
    # Joining a group can take twenty seconds.
    parts = range(settings.topic_partitions)
    reader.assign([TopicPartition(settings.decisions_topic, part, OFFSET_BEGINNING) for part in parts])
    while not stop.is_set():
        for message in reader.consume(1000, 0.005):
            if message.error() is None and message.value():
                event_id = decode(message.value()).event_id
                if event_id is not None:
                    arrived.setdefault(event_id, time.time())
    reader.close()
