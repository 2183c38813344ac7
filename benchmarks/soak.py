"""A long run at a steady rate: what the state, the lake and the memory come to, minute by minute.

``gillnet run`` judges what ``gillnet simulate`` sends (synthetic events). The embedded broker goes through all it holds
for every fetch, so for an hour name an Apache Kafka with ``--bootstrap-servers``. A line of JSON a minute: events read
and behind, accounts, the state in memory, files and MiB of the checkpoints, of Bytewax's recovery store and of the
lake, resident memory of launcher and workers. The last line compares the end with the middle, and says whether all that
was read was accounted for.

Run: python benchmarks/soak.py [--minutes 60] [--rate 2000] [--workers 1] [--bootstrap-servers 127.0.0.1:9092]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from streams import (
    GILLNET,
    MIB,
    add_broker,
    counts_of,
    metrics_of,
    resident_mib,
    run_command,
    running,
    topics,
    unaccounted,
)

from flows.broker import free_port


def held(folder: Path) -> dict[str, float]:
    """Count a folder's files and MiB; one may go while we look."""
    sizes = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                sizes.append(path.stat().st_size)
    return {"files": len(sizes), "mib": round(sum(sizes) / MIB, 1)}


def look(run: int, work: Path, port: int, minute: int) -> dict[str, float]:
    """Take one line."""
    now = metrics_of(port)
    line = {
        "minute": minute,
        "read": now.get("gillnet_events_read_total", 0),
        "behind": now.get("gillnet_consumer_lag_events", 0),
        "accounts": now.get("gillnet_state_accounts", 0),
        "state_mib": round(now.get("gillnet_state_bytes", 0) / MIB, 1),
        "rss_mib": resident_mib(run),
    }
    for name, folder in (("checkpoints", "state/checkpoints"), ("recovery", "state/recovery"), ("lake", "lake")):
        line |= {f"{name}_{key}": value for key, value in held(work / folder).items()}
    return line


def main() -> None:
    """Run, and print a line a minute and one at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    add_broker(parser)
    options = parser.parse_args()
    load = ["--events", str(options.minutes * 60 * options.rate), "--rate", str(options.rate)]
    lines = []
    with (
        tempfile.TemporaryDirectory() as folder,
        topics(options.bootstrap_servers, options.workers) as settings,
    ):
        work, port = Path(folder), free_port()
        address = ["--bootstrap-servers", settings.bootstrap_servers]
        with (
            running(run_command(settings, work, options.workers, port)) as run,
            running([GILLNET, "simulate", "--scenario", "load", *address, *load]) as sender,
        ):
            for minute in range(1, options.minutes + 1):
                time.sleep(60)
                lines.append(look(run.pid, work, port, minute))
                print(json.dumps(lines[-1]), flush=True)
            sender.wait(120)
            time.sleep(3)
        counted = counts_of(run)
    middle, last = lines[len(lines) // 2 - 1], lines[-1]
    summary = {
        "events": counted["read"],
        "unaccounted": unaccounted(counted),
        "checkpoints_times_state": [round(line["checkpoints_mib"] / line["state_mib"], 2) for line in (middle, last)],
        "rss_mib": [middle["rss_mib"], last["rss_mib"]],
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
