"""Gillnet's row of the yardstick: workload W1, semantics C, every event scored.

JSON lines from a file (or a Kafka topic, ``--variant kafka``) go through Gillnet's own decoder, feature engine,
compiled trees and policy to (event_id, user_id, score). Only the catalogue is W1's, not the default one, and the field
``user_id`` is renamed to the contract's ``account_id`` in each line first.

The yardstick runs this file, copied or linked, as ``rows/gillnet.py`` with the arguments below. By hand:
    python benchmarks/w1.py --data EVENTS.jsonl --model MODEL.txt --out OUT.parquet [--features]
prints one line ``RESULT {…}`` with CPU seconds, and where they went.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition

from detector.contract.decode import DecodeLimits, decode
from detector.engine import AccountShard
from detector.policy import Policy
from detector.settings import load_settings
from detector.shard_batch import whole
from features.aggregates import Count, Distinct, Repeats, Statistic, gap
from features.intake import Intake
from features.specialise import specialise
from features.views import MINUTE, SHORT, Catalogue, view
from flows.clients import connect, consumer
from models.compiled_trees import CompiledTrees, compile_trees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BATCH = 10_000
LIMITS = DecodeLimits(event_bytes_max=256 * 1024, ts_min_ms=0, future_ms_max=2**50)
LATENESS_MS = MINUTE
NEVER = Policy((2.0, 2.0, 2.0, 2.0), (1, 1, 1, 1), events_min=1, shadow=False)

BY_NAME = view(
    "account",
    {
        "n": (Count(), SHORT, "events"),
        "n_msg": (Count("message"), SHORT, "messages"),
        "n_swipe": (Count("swipe"), SHORT, "swipes"),
        "n_targets": (Distinct("other", "targeted"), SHORT, "different targets"),
        "gap_mean": (gap(Statistic.MEAN), SHORT, "mean gap"),
        "gap_std": (gap(Statistic.STD), SHORT, "spread of gaps"),
        "rep_share": (Repeats("text", "message"), (10 * MINUTE,), "repeated texts"),
    },
    empty=0.0,
)
_PLACES = {feature.name: feature for feature in BY_NAME}
NAMES = [f"{n}_{w}" for w in ("1m", "10m", "1h") for n in ("n", "n_msg", "n_swipe", "n_targets", "gap_mean", "gap_std")]
CATALOGUE = Catalogue(tuple(_PLACES[name] for name in [*NAMES, "rep_share_10m"]))
"""The 19 numbers of W1, in its order."""


@dataclass
class Trees:
    """W1's model: LightGBM's trees compiled, a logistic at the end; no calibration."""

    trees: CompiledTrees
    version: str = "w1"
    feature_names: tuple[str, ...] = CATALOGUE.names

    def score(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities."""
        return 1 / (1 + np.exp(-self.trees.raw_scores(vectors)))

    def explain(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return nothing of use: the policy has no thresholds, so it is never asked."""
        return vectors


@dataclass
class Stopwatch:
    """CPU seconds by part of the work."""

    parts: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.process_time)

    def lap(self, part: str) -> None:
        """Book the CPU time since the last lap to a part."""
        now = time.process_time()
        self.parts[part] = self.parts.get(part, 0.0) + now - self.last
        self.last = now


def from_file(path: str) -> Iterator[list[bytes]]:
    """Read lines in batches."""
    with Path(path).open("rb", buffering=1 << 20) as lines:
        while batch := [line for _, line in zip(range(BATCH), lines, strict=False)]:
            yield batch


def open_topic(bootstrap: str, topic: str) -> tuple[Consumer, list[TopicPartition]]:
    """Make the consumer, and name what it will read."""
    settings = load_settings(bootstrap_servers=bootstrap)
    _, cluster = connect(settings)
    reader = consumer(settings, group="w1", auto_offset_reset="earliest", enable_partition_eof=False)
    return reader, [TopicPartition(topic, part, 0) for part in cluster.topics[topic].partitions]


def from_kafka(reader: Consumer, partitions: list[TopicPartition], count: int) -> Iterator[list[bytes]]:
    """Take what has arrived, up to a batch, until ``count`` events came."""
    reader.assign(partitions)
    while count > 0:
        batch = [m.value() for m in reader.consume(BATCH, 0.05) if m.error() is None]
        count -= len(batch)
        if batch:
            yield batch
    reader.close()


def arguments() -> argparse.Namespace:
    """Read the arguments every row of the yardstick has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "model", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--features", action="store_true", help="also write the features, for checks")
    parser.add_argument("--bootstrap", default=os.environ.get("BENCH_BOOTSTRAP", ""))
    parser.add_argument("--topic", default=os.environ.get("BENCH_TOPIC", ""))
    parser.add_argument("--n", type=int, default=0, help="events in the topic")
    parser.add_argument("--variant", default="", choices=["", "kafka"])
    return parser.parse_known_args()[0]


def warm_up(model: Trees) -> None:
    """Load the kernels from their cache, or compile them, before the clock starts."""
    value = b'{"event_id":"w","type":"message","account_id":"w","ts":"2020-01-01T00:00:00.000Z","text":"w"}'
    arrived = Intake(specialise(CATALOGUE).plan, LATENESS_MS).process(decode([value], LIMITS, 0).events)
    shard = AccountShard(CATALOGUE, model, NEVER, LATENESS_MS)
    for _ in range(2):
        shard.process(whole(arrived), 0, None)
    gc.freeze()  # as the stream's workers do


def run(options: argparse.Namespace, model: Trees, source: Iterator[list[bytes]]) -> tuple[int, Stopwatch]:
    """Do the work; return the events written and where the CPU went."""
    intake = Intake(specialise(CATALOGUE).plan, LATENESS_MS)
    shard = AccountShard(CATALOGUE, model, NEVER, LATENESS_MS, float(options.features))
    watch, written, writer = Stopwatch(), 0, None
    for lines in source:
        watch.lap("read")
        values = [line.replace(b'"user_id"', b'"account_id"', 1) for line in lines]
        events = decode(values, LIMITS, 0).events
        watch.lap("decode")
        batch = whole(intake.process(events))
        watch.lap("columns")
        result = shard.process(batch, 0, None)
        watch.lap("features and score")
        table = _table(result.scores, result.vectors if options.features else None)
        writer = writer or pq.ParquetWriter(options.out, table.schema)
        writer.write_table(table)
        written += len(table)
        watch.lap("write")
    if writer:
        writer.close()
    return written, watch


def _load(path: str) -> Trees:
    trees = compile_trees(Path(path).read_text())
    if not isinstance(trees, CompiledTrees):
        sys.exit(f"the model's trees cannot be compiled: {trees.reason}")
    return Trees(trees)


def _table(scores: pl.DataFrame, vectors: pl.DataFrame | None) -> pa.Table:
    out = scores.select("event_id", pl.col("account_id").alias("user_id"), "score")
    if vectors is not None:
        out = out.with_columns(vectors["vector"].arr.to_list().alias("f"))
    return out.to_arrow(compat_level=pl.CompatLevel.oldest())


def main() -> None:
    """Run and report."""
    options = arguments()
    model = _load(options.model)
    warm_up(model)
    kafka = open_topic(options.bootstrap, options.topic) if options.variant == "kafka" else None
    source = from_kafka(*kafka, options.n) if kafka else from_file(options.data)
    before, started = time.process_time(), time.perf_counter()
    written, watch = run(options, model, source)
    cpu, wall = time.process_time() - before, time.perf_counter() - started
    parts = {f"us_{part.replace(' ', '_')}": round(s / written * 1e6, 2) for part, s in watch.parts.items()}
    print("RESULT " + json.dumps({"n": written, "wall": wall, "cpu_self": cpu, **parts}), flush=True)


if __name__ == "__main__":
    main()
