"""Produce-to-decision latency at a fixed rate, end to end over the embedded broker.

``gillnet run`` judges simulated events with the shipped model and policy; a consumer beside it takes each decision's
arrival here less the moment its event was handed to the producer (both on this machine's clock). The first half of the
time is warm-up. Some events lie in the topic before the start: ``start_seconds`` is from the command to the first
decision on one of them.

Run: python benchmarks/latency.py [--rate 5000] [--seconds 30] [--workers 1] [--shards 16]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import psutil
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.decisions import decode
from detector.settings import load_settings
from detector.simulator import load_scenario, simulate
from flows.broker import EmbeddedBroker
from flows.clients import consumer, ensure_topics
from flows.producer import produce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.settings import Settings

PER_BATCH = 50
BEFORE_START = 10_000
START_SECONDS_MAX = 60


class Sent:
    """Hands out events made beforehand and remembers when."""

    def __init__(self, count: int) -> None:
        self.count, self.at = count, dict[str, float]()
        scenario = replace(load_scenario("load"), malformed=0.0)
        made = [self._made(i, e.value) for i, e in enumerate(simulate(scenario, 1, count + BEFORE_START))]
        self.first, self.made = made[:BEFORE_START], made[BEFORE_START:]

    def batches(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """Give the events in small batches."""
        for start in range(0, len(self.made), PER_BATCH):
            now = time.time()
            self.at |= {f"e{n + BEFORE_START}": now for n in range(start, start + PER_BATCH)}
            yield self.made[start : start + PER_BATCH]

    @staticmethod
    def _made(i: int, value: bytes) -> tuple[bytes, bytes]:
        fields = msgspec.json.decode(value)
        fields["event_id"] = f"e{i}"
        return fields["account_id"].encode(), msgspec.json.encode(fields)


def watch(settings: Settings, arrived: dict[str, float], stop: threading.Event) -> None:
    """Note when each decision can be read."""
    reader = consumer(settings, group="latency", auto_offset_reset="earliest", fetch_wait_max_ms=5)
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


def start(address: str, work: Path, workers: int, shards: int) -> subprocess.Popen[str]:
    """Start the flow."""
    command = [str(Path(sys.executable).with_name("gillnet")), "run", "--json", "--bootstrap-servers", address]
    command += ["--state-dir", str(work / "state"), "--lake-dir", str(work / "lake"), "--metrics-port", "0"]
    environment = os.environ | {"GILLNET_SHARDS": str(shards)}
    return subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True, env=environment)


def wait(arrived: dict[str, float]) -> float:
    """Wait for the first decision; return how long that took, or end the benchmark."""
    began = time.time()
    while not arrived:
        if time.time() > began + START_SECONDS_MAX:
            sys.exit(f"expected a decision within {START_SECONDS_MAX} s of the start, got none")
        time.sleep(0.01)
    return min(arrived.values()) - began


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--shards", type=int, default=16)
    options = parser.parse_args()
    sent = Sent(options.rate * options.seconds)
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as own:
        settings = load_settings(bootstrap_servers=own.bootstrap_servers, topic_partitions=options.workers)
        ensure_topics(settings)
        arrived, stop = dict[str, float](), threading.Event()
        watcher = threading.Thread(target=watch, args=(settings, arrived, stop), daemon=True)
        watcher.start()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a stopped benchmark leaves nothing running
        produce(settings, settings.events_topic, [sent.first])
        run = start(own.bootstrap_servers, Path(folder), options.workers, options.shards)
        try:
            start_seconds = wait(arrived)
            produce(settings, settings.events_topic, sent.batches(), float(options.rate))
            time.sleep(3)
            tree = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
            cpu = sum(sum(p.cpu_times()[:2]) for p in tree)
        finally:
            run.terminate()
        counted = json.loads(run.communicate()[0])
        stop.set()
        watcher.join()
    half = min(sent.at.values()) + options.seconds / 2
    warm = np.array([arrived[e] - at for e, at in sent.at.items() if e in arrived and at > half]) * 1000
    quantiles = {f"p{q}_ms": round(float(np.percentile(warm, q)), 1) for q in (50, 90, 99)}
    cost = {"start_seconds": round(start_seconds, 1), "cpu_seconds": round(cpu, 1)}
    print(
        json.dumps({"rate": options.rate, "shards": options.shards, "timed": len(warm), **quantiles, **cost, **counted})
    )


if __name__ == "__main__":
    main()
