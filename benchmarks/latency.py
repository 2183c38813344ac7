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
import tempfile
import time
from pathlib import Path

import numpy as np
from streams import (
    BEFORE_START,
    add_broker,
    arrivals,
    counts_of,
    in_batches,
    processes,
    run_command,
    running,
    simulated,
    topics,
    wait,
)

from flows.producer import produce


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
    sent_at = dict[str, float]()
    with (
        tempfile.TemporaryDirectory() as folder,
        topics(options.bootstrap_servers, options.workers) as settings,
        arrivals(settings) as arrived,
    ):
        produce(settings, settings.events_topic, [events[:BEFORE_START]])
        command = run_command(settings, Path(folder), options.workers)
        with running(command, GILLNET_SHARDS=str(options.shards)) as run:
            start_seconds = wait(arrived)
            batches = in_batches(events[BEFORE_START:], BEFORE_START, sent_at)
            produce(settings, settings.events_topic, batches, float(options.rate))
            time.sleep(3)
            cpu = sum(sum(process.cpu_times()[:2]) for process in processes(run.pid))
        counted = counts_of(run)
    half = min(sent_at.values()) + options.seconds / 2
    warm = np.array([arrived[e] - at for e, at in sent_at.items() if e in arrived and at > half]) * 1000
    quantiles = {f"p{q}_ms": round(float(np.percentile(warm, q)), 1) for q in (50, 90, 99)}
    cost = {"start_seconds": round(start_seconds, 1), "cpu_seconds": round(cpu, 1)}
    print(
        json.dumps({"rate": options.rate, "shards": options.shards, "timed": len(warm), **quantiles, **cost, **counted})
    )


if __name__ == "__main__":
    main()
