"""Produce-to-decision latency at a fixed rate, end to end.

``gillnet run`` judges simulated events with the shipped model and policy; a consumer beside it takes each decision's
arrival here less the moment its event was handed to the producer (both on this machine's clock). The first half of the
time is warm-up. Some events lie in the topic before the start: ``start_seconds`` is from the command to the first
decision on one of them.

Run: python benchmarks/latency.py [--rate 5000] [--seconds 30] [--workers 1] [--shards 16]
         [--bootstrap-servers 127.0.0.1:9092]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from streams import add_broker, arrivals, processes, run_command, simulated, topics

from flows.producer import produce

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_BATCH = 50
BEFORE_START = 10_000
START_SECONDS_MAX = 60


def in_batches(
    events: list[tuple[bytes, bytes]], first: int, at: dict[str, float]
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Give events in small batches, and note when; ``first`` is the number of the first."""
    for start in range(0, len(events), PER_BATCH):
        batch, now = events[start : start + PER_BATCH], time.time()
        at |= {f"e{first + start + n}": now for n in range(len(batch))}
        yield batch


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
    add_broker(parser)
    options = parser.parse_args()
    events = simulated(BEFORE_START + options.rate * options.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a stopped benchmark leaves nothing running
    sent_at = dict[str, float]()
    with (
        tempfile.TemporaryDirectory() as folder,
        topics(options.bootstrap_servers, options.workers) as settings,
        arrivals(settings) as arrived,
    ):
        produce(settings, settings.events_topic, [events[:BEFORE_START]])
        run = subprocess.Popen(
            run_command(settings, Path(folder), options.workers),
            stdout=subprocess.PIPE, text=True, env=os.environ | {"GILLNET_SHARDS": str(options.shards)},
        )  # fmt: skip
        try:
            start_seconds = wait(arrived)
            batches = in_batches(events[BEFORE_START:], BEFORE_START, sent_at)
            produce(settings, settings.events_topic, batches, float(options.rate))
            time.sleep(3)
            cpu = sum(sum(process.cpu_times()[:2]) for process in processes(run.pid))
        finally:
            run.terminate()
        counted = json.loads(run.communicate()[0])
    half = min(sent_at.values()) + options.seconds / 2
    warm = np.array([arrived[e] - at for e, at in sent_at.items() if e in arrived and at > half]) * 1000
    quantiles = {f"p{q}_ms": round(float(np.percentile(warm, q)), 1) for q in (50, 90, 99)}
    cost = {"start_seconds": round(start_seconds, 1), "cpu_seconds": round(cpu, 1)}
    print(
        json.dumps({"rate": options.rate, "shards": options.shards, "timed": len(warm), **quantiles, **cost, **counted})
    )


if __name__ == "__main__":
    main()
