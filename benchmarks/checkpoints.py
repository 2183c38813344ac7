"""Checkpoints of many accounts: what one writes and how long the stream waits for it, and how long a restart reads.

Fills a worker's table with synthetic accounts, all active within a day, and writes its shards' whole state. Then, again
and again, some accounts have an event, in batches of 1,000 with early writes between, and a checkpoint is written as at
the end of an epoch. At last another table is made of the files, as at a restart. One line of JSON: milliseconds that
the stream waits at the end of an epoch (for making and packing what is told, and for the disk) and for early writes to
begin, MiB and share of the whole state that an epoch writes, MiB on disk, seconds of the restart.

Run: python benchmarks/checkpoints.py [--accounts 1000000] [--touched 20000] [--times 40] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import polars as pl
from catalogue import LATENESS_MS, POLICY, crowd

from detector.engine import AccountShard
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from flows.checkpoints import Checkpoints, Place, Segments
from flows.worker_table import WorkerTable
from models import default

SHARDS = 16
MIB = 1 << 20
EACH = 5
BATCH = 1000


class Worker:
    """A worker's accounts, and where their states end."""

    def __init__(self, folder: Path) -> None:
        shard = AccountShard(DEFAULT, default(), POLICY, LATENESS_MS)
        self.table = WorkerTable(shard, SHARDS, 1, Checkpoints(folder, "accounts"))
        self.segments: list[Segments] = []
        self.places: list[Place] = []

    def begin(self) -> None:
        """Begin all shards."""
        self.segments = [self.table.begin(shard) for shard in range(SHARDS)]
        self.places = [segments.ended() for segments in self.segments]

    def process(self, intake: Intake, events: pl.DataFrame) -> None:
        """Judge a batch."""
        self.table.table.process(whole(intake.process(events)), -(2**60), None)

    def epoch(self, intake: Intake, events: pl.DataFrame) -> float:
        """Judge events in batches; return the longest that beginning an early write took, in seconds."""
        longest = 0.0
        for batch in events.iter_slices(BATCH):
            self.process(intake, batch)
            started = time.perf_counter()
            self.table.write_early(len(batch))
            longest = max(longest, time.perf_counter() - started)
        return longest

    def checkpoint(self) -> tuple[float, int]:
        """Write what changed; return the seconds it took and the bytes appended."""
        started = time.perf_counter()
        self.table.write()
        seconds = time.perf_counter() - started
        before, self.places = self.places, [segments.ended() for segments in self.segments]
        return seconds, sum(map(appended, before, self.places))


def appended(before: Place, after: Place) -> int:
    """Say how many bytes lie between two places."""
    return after["end"] - (before["end"] if before["last"] == after["last"] else 0)


def some(events: pl.DataFrame, touched: int, accounts: int, seed: int) -> pl.DataFrame:
    """Make events of so many different accounts, half of them as targets, by changing whose some events are."""
    who = np.random.default_rng(seed).choice(accounts, touched, replace=False).astype(str)
    half = touched // 2
    chosen = events.head(half)
    return chosen.with_columns(
        pl.Series("account_id", who[:half]),
        pl.Series("target_id", who[half:]),
        pl.Series("event_id", np.char.add(f"again-{seed}-", np.arange(half).astype(str))),
        chosen["ts"] + seed * 1000,
    )


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--touched", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="where to write; the disk matters")
    options = parser.parse_args()
    intake = Intake(specialise(DEFAULT).plan, LATENESS_MS)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        worker = Worker(Path(folder))
        worker.begin()
        last = pl.DataFrame()
        for last in crowd(options.accounts, EACH, max(10_000, options.touched)):
            worker.process(intake, last)
        whole_seconds, whole_bytes = worker.checkpoint()
        taken = []
        for seed in range(1, options.times + 1):
            early = worker.epoch(intake, some(last, options.touched, options.accounts, seed))
            taken.append((early, *worker.checkpoint()))
        early_seconds, seconds, written = (np.array(column) for column in zip(*taken, strict=True))
        on_disk = sum(path.stat().st_size for path in Path(folder).iterdir())
        again, started = Worker(Path(folder)), time.perf_counter()
        for shard, place in enumerate(worker.places):
            again.table.restore(shard, place, 0)
        restart_seconds, held, found = time.perf_counter() - started, len(worker.table.table), len(again.table.table)
    line = {
        "accounts": held,
        "restored": found,
        "touched": options.touched,
        "wait_ms_median": round(float(np.median(seconds)) * 1000, 1),
        "wait_ms_max": round(float(seconds.max()) * 1000, 1),
        "early_ms_max": round(float(early_seconds.max()) * 1000, 1),
        "mib_median": round(float(np.median(written)) / MIB, 2),
        "share_of_whole_max": round(float(written.max()) / whole_bytes, 4),
        "whole_mib": round(whole_bytes / MIB, 1),
        "whole_seconds": round(whole_seconds, 1),
        "disk_mib": round(on_disk / MIB, 1),
        "restart_seconds": round(restart_seconds, 1),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
