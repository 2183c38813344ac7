"""Speed and memory of the whole catalogue: every view, shared entities, the shipped model; no broker.

    python benchmarks/catalogue.py throughput [--events 300000] [--batch 1000] [--texts]
    python benchmarks/catalogue.py accounts [--accounts 10000,100000,1000000] [--each 10]

``throughput`` sends simulated events (JSON lines) through decoder, intake, features, compiled trees and policy, and
prints CPU microseconds an event by part; ``--texts`` reads and groups texts too, on a stream of 55 % messages (of the
simulated events some others are left out). ``accounts`` fills the state of many accounts, all active within a day, and
prints bytes an account and CPU microseconds an event over the last fifth of the events, for each number of accounts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from detector.contract.decode import DecodeLimits, decode
from detector.contract.events import EVENT_SCHEMA
from detector.engine import AccountShard
from detector.message_groups import MessageGroups
from detector.message_reader import MessageReader, shipped_reader
from detector.policy import Policy
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from features.state import AccountFeatures, both_roles
from models import default

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENESS_MS = 3_600_000
DAY_MS = 86_400_000
LIMITS = DecodeLimits(event_bytes_max=256 * 1024, ts_min_ms=0, future_ms_max=2**50)
POLICY = Policy(
    (2.0, 2.0, 2.0, 2.0), (1, 1, 1, 1), events_min=1, shadow=False
)  # no decisions: they are timed elsewhere


def simulated(events: int) -> list[bytes]:
    """Simulate a stream and return its lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        command = [shutil.which("gillnet") or "gillnet", "simulate", "--scenario", "load", "--seed", "1"]
        subprocess.run([*command, "--events", str(events), "--output", str(path)], check=True, stdout=sys.stderr)
        return path.read_bytes().splitlines()[:events]


def talkative(lines: list[bytes], share: float = 0.55) -> list[bytes]:
    """Leave out events other than messages, until these are so large a share."""
    messages = np.array([b'"text":' in line for line in lines])
    others = np.cumsum(~messages)
    kept = messages | (
        np.diff(np.floor(others * min(1.0, messages.sum() / share * (1 - share) / others[-1])), prepend=0) > 0
    )
    return [line for line, keep in zip(lines, kept.tolist(), strict=True) if keep]


def throughput(lines: list[bytes], batch: int, reader: MessageReader | None) -> dict[str, float]:
    """Send lines through the engine; return CPU microseconds an event by part."""
    groups = None if reader is None else MessageGroups()
    intake, shard = Intake(specialise(DEFAULT).plan, LATENESS_MS, reader, groups), _shard()
    parts = dict.fromkeys(("decode", "columns and entities", "features, score, policy", "write"), 0.0)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as out:
        writer = None
        for start in range(0, len(lines), batch):
            times = [time.process_time()]
            events = decode(lines[start : start + batch], LIMITS, 0).events
            times.append(time.process_time())
            arrived = intake.process(events)
            times.append(time.process_time())
            result = shard.process(whole(arrived), -(2**60), None)
            times.append(time.process_time())
            table = result.scores.to_arrow()
            writer = writer or pq.ParquetWriter(out.name, table.schema)
            writer.write_table(table)
            times.append(time.process_time())
            for part, seconds in zip(parts, np.diff(times), strict=True):
                parts[part] += float(seconds) / len(lines) * 1e6
        if writer:
            writer.close()
    return parts | {"events per CPU-second": 1e6 / sum(parts.values())}


def _shard() -> AccountShard:
    return AccountShard(DEFAULT, default(), POLICY, LATENESS_MS)


def crowd(accounts: int, each: int, batch: int = 10_000) -> Iterator[pl.DataFrame]:
    """Make events of many accounts, ``each`` on average, in the order of a day; synthetic."""
    random = np.random.default_rng(1)
    total = accounts * each
    types = np.array(["swipe", "message", "match", "like", "login"])
    texts = np.array(["hello how are you", "nice photos", "what do you do for work", "see you on saturday then"])
    for start in range(0, total, batch):
        n = min(batch, total - start)
        kind = random.choice(types, n, p=[0.4, 0.4, 0.05, 0.1, 0.05])
        text = np.char.add(random.choice(texts, n), random.integers(0, 10_000, n).astype(str))
        columns = {
            "event_id": np.arange(start, start + n).astype(str),
            "type": kind,
            "account_id": random.integers(0, accounts, n).astype(str),
            "ts": 1_700_000_000_000 + (np.arange(start, start + n) * DAY_MS) // total,
            "target_id": random.integers(0, accounts, n).astype(str),
            "text": [t if k == "message" else None for t, k in zip(text.tolist(), kind.tolist(), strict=True)],
            "direction": pl.Series(np.where(kind == "swipe", "like", "")).replace("", None),
        }
        frame = pl.DataFrame(columns, schema_overrides={"text": pl.String, "direction": pl.String})
        yield frame.with_columns(pl.lit(None, t).alias(c) for c, t in EVENT_SCHEMA.items() if c not in columns).select(
            EVENT_SCHEMA.names()
        )


def many_accounts(accounts: int, each: int) -> dict[str, float]:
    """Fill the state of many accounts; return bytes an account and CPU microseconds an event near the end."""
    intake, features = Intake(specialise(DEFAULT).plan, LATENESS_MS), AccountFeatures(DEFAULT, LATENESS_MS)
    spent, counted, total = 0.0, 0, accounts * each
    for place, events in enumerate(crowd(accounts, each)):
        columns = intake.process(events).columns
        roles = both_roles(columns)
        started = time.process_time()
        features.process(columns, roles)
        if place * 10_000 >= total * 0.8:
            spent, counted = spent + time.process_time() - started, counted + len(columns)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "accounts": len(features),
        "bytes an account": features.nbytes / len(features),
        "features CPU us an event": spent / counted * 1e6,
        "peak RSS bytes an account": peak / len(features),
    }


def main() -> None:
    """Run and print one JSON line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["throughput", "accounts"])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--accounts", default="10000,100000,1000000")
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--texts", action="store_true")
    options = parser.parse_args()
    if options.what == "throughput":
        lines, reader = simulated(options.events), shipped_reader() if options.texts else None
        lines = talkative(lines) if options.texts else lines
        print(f"{len(lines)} events", file=sys.stderr)
        for _ in range(3):  # the first loads kernels
            print(json.dumps({k: round(v, 2) for k, v in throughput(lines, options.batch, reader).items()}), flush=True)
        return
    for accounts in map(int, options.accounts.split(",")):
        print(json.dumps({k: round(v, 2) for k, v in many_accounts(accounts, options.each).items()}), flush=True)


if __name__ == "__main__":
    main()
