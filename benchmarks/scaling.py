"""Several worker processes against one, over the embedded broker, on topics that are full before they start.

``gillnet run --until-end`` judges simulated events with the shipped model, messages and lake included: a topic, and one
with three times as many events. What the second takes longer is what its other events take; what a run and its workers
do once (start, loading, first use, end) is in both and reported as ``once``. CPU is that of launcher and workers.
The broker shares the machine, so where there are as many workers as cores they cannot reach that many times one.

Run: python benchmarks/scaling.py [--events 150000] [--runs 3] [--workers 1,2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from streams import run_command, simulated

from detector.settings import Settings, load_settings
from flows.broker import EmbeddedBroker
from flows.clients import ensure_topics
from flows.producer import produce

PARTITIONS = 8
BATCH = 500


def run(settings: Settings, workers: int) -> tuple[float, float]:
    """Judge a topic to its end in a deployment of its own; return seconds of wall clock and of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*run_command(settings, Path(folder), workers), "--until-end"]
        topics = {"GILLNET_EVENTS_TOPIC": settings.events_topic, "GILLNET_DECISIONS_TOPIC": f"decisions-{time.time()}"}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=os.environ | topics, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print one line of JSON a number of workers, and the ratios of the best runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", default="1,2", help="numbers of workers, the first to compare with")
    options = parser.parse_args()
    numbers, few = [int(number) for number in options.workers.split(",")], options.events
    events = simulated(3 * few)
    best: dict[int, float] = {}
    with EmbeddedBroker() as broker:
        full, third = (
            load_settings(bootstrap_servers=broker.bootstrap_servers, topic_partitions=PARTITIONS, events_topic=topic)
            for topic in ("full", "third")
        )
        for settings, sent in ((full, events), (third, events[:few])):
            ensure_topics(settings)
            batches = (sent[start : start + BATCH] for start in range(0, len(sent), BATCH))
            produce(settings, settings.events_topic, batches)
        for _ in range(options.runs):
            for workers in numbers:
                (short, short_cpu), (wall, cpu) = run(third, workers), run(full, workers)
                rate, cost = 2 * few / (wall - short), (cpu - short_cpu) / (2 * few)
                best[workers] = max(rate, best.get(workers, 0.0))
                once = {
                    "once_seconds": round(wall - 3 * few / rate, 1),
                    "once_cpu_seconds": round(cpu - 3 * few * cost, 1),
                }
                line = {"workers": workers, "events_per_second": round(rate), "cpu_us_an_event": round(cost * 1e6, 1)}
                print(json.dumps(line | once), flush=True)
    for workers in numbers[1:]:
        print(json.dumps({"workers": workers, f"times_{numbers[0]}": round(best[workers] / best[numbers[0]], 2)}))


if __name__ == "__main__":
    main()
