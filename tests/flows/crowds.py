"""Events of accounts that share devices, addresses and texts, a flow to run them through, and what should come out."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, cluster_main

from detector.contract.decode import DecodeLimits, decode
from detector.engine import AccountShard
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import Policy
from detector.results import ShardResult
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.entities import SharedEntities
from features.intake import Intake
from features.specialise import specialise
from flows.batches import Mark, SourceBatch, Tick
from flows.records import Record
from flows.shards import Judge
from flows.stream import Routes, Sinks, build
from flows.tally import Tally

HOUR_MS = 3_600_000
START_MS = 1_767_571_200_000
LIMITS = DecodeLimits(event_bytes_max=1 << 16, ts_min_ms=0, future_ms_max=HOUR_MS)
PLAN = specialise(DEFAULT).plan
AFTER_OTHERS = object()
MEMORY = Path("/dev/shm")
PITCHES = ("You seem lovely, write to me at my other place", "Double your money before Friday, ask me how now")


class Suspicious:
    """Scores accounts by whom they share devices and texts with, and by what they receive."""

    version = "suspicious"
    feature_names = ("accounts_per_device_1h", "accounts_per_text_24h", "messages_received_count_24h")

    def score(self, vectors: np.ndarray) -> np.ndarray:
        devices, texts, received = np.nan_to_num(vectors).T
        return np.clip((5 * devices + 4 * texts + received) / 100, 0, 1)  # a product of matrices may round by the row

    def explain(self, vectors: np.ndarray) -> np.ndarray:
        return np.nan_to_num(vectors)


def new_shard() -> AccountShard:
    return AccountShard(DEFAULT, Suspicious(), Policy((0.3, 0.5, 0.7, 0.9), (HOUR_MS,) * 4, 2, False), HOUR_MS, 1.0)


def judge(sources: int = 1, shards: int = 3) -> Judge:
    return Judge(
        PLAN, new_shard, shards, lambda: SharedEntities(HOUR_MS), 4, sources, Path("no checkpoints"),
        reader=shipped_reader(), new_groups=new_groups,
    )  # fmt: skip


def new_groups() -> MessageGroups:
    return MessageGroups(1000)


def lines(count: int, seed: int = 1, accounts: int = 25) -> list[bytes]:
    """Make events, some of them out of order and some repeated."""
    rng = random.Random(seed)
    made: list[bytes] = []
    for number in range(count):
        if made and rng.random() < 0.02:
            made.append(rng.choice(made))
        else:
            made.append(json.dumps(_event(rng, number, accounts)).encode())
    return made


def _event(rng: random.Random, number: int, accounts: int) -> dict[str, object]:
    at_ms = START_MS + number * 60_000 - rng.choice([0, 0, 0, rng.randrange(HOUR_MS)])
    event = {"event_id": f"e{number}", "account_id": f"account-{rng.randrange(accounts)}", "ts": at_ms}
    match rng.randrange(5):
        case 0:
            device = {"device_id": f"d{rng.randrange(6)}", "ip": f"10.0.{rng.randrange(4)}.{rng.randrange(9)}"}
            return event | device | {"type": rng.choice(["login", "signup"]), "email_domain": "mail.example"}
        case 1:
            return event | {"type": "swipe", "target_id": f"account-{rng.randrange(accounts)}", "direction": "like"}
        case _:
            text = rng.choice([*PITCHES, f"I found a nice place, number {rng.random()}", "hi"])
            return event | {"type": "message", "target_id": f"account-{rng.randrange(accounts)}", "text": text}


def event(account: str, kind: str, **more: object) -> bytes:
    """Make one event."""
    name = f"{account}-{more.get('target_id', kind)}"
    return json.dumps({"event_id": name, "type": kind, "account_id": account, "ts": START_MS} | more).encode()


def frame(some: Sequence[bytes], partition: int = 0, first: int = 0) -> pl.DataFrame:
    """Decode lines, and place them in the topic."""
    events = decode(list(some), LIMITS, START_MS + 10_000 * HOUR_MS).events
    return events.with_columns(
        arrived_at=pl.col("ts"),
        partition=pl.lit(partition, pl.Int32),
        offset=pl.int_range(first, first + len(events), dtype=pl.Int64),
    )


def batches(some: Sequence[bytes], cuts: Iterable[int], partition: int = 0) -> list[SourceBatch | Tick]:
    """Cut the lines of a partition, read by the worker of its number, into batches, with a tick now and then."""
    made: list[SourceBatch | Tick] = []
    for start, end in pairwise(sorted({0, len(some), *(cut % (len(some) + 1) for cut in cuts)})):
        events = frame(some[start:end], partition, start)
        mark = Mark(partition, int(events["ts"].to_numpy().max()) - HOUR_MS)
        made.append(SourceBatch(partition, events, (), mark, 0))
        if len(made) % 5 == 4:
            made.append(Tick(mark, moved=True))
    return made


class Partitions(FixedPartitionedSource[Any, int]):
    """Gives each partition's items one by one; at `AFTER_OTHERS` it waits, at the place ``ends`` it aborts, once."""

    def __init__(self, parts: Sequence[Sequence[object]], ends: int | None = None) -> None:
        self.parts, self.ends = parts, ends
        self.running = set(range(len(parts)))

    def list_parts(self) -> list[str]:
        return [str(part) for part in range(len(self.parts))]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "Part":
        del step_id
        return Part(self, int(for_part), resume_state or 0)


class Part(StatefulSourcePartition[Any, int]):
    def __init__(self, source: Partitions, number: int, at: int) -> None:
        self.source, self.number, self.at = source, number, at
        self.empty_epochs = 0

    def next_batch(self) -> list[object]:
        if self.at == self.source.ends:
            self.source.ends = None
            raise AbortExecution
        items = self.source.parts[self.number]
        if self.at >= len(items):
            self.source.running.discard(self.number)
            raise StopIteration
        if items[self.at] is AFTER_OTHERS and self._others_are_through():
            self.at += 1
        if items[self.at] is AFTER_OTHERS:
            return []
        self.at += 1
        return [items[self.at - 1]]

    def _others_are_through(self) -> bool:
        """Say whether what the others gave has been processed: no source is more than an epoch ahead of that."""
        self.empty_epochs += self.source.running == {self.number}
        return self.empty_epochs > 3

    def snapshot(self) -> int:
        return self.at


@dataclass
class Run:
    """A deployment in this process: what its flow gave."""

    parts: Sequence[Sequence[object]]
    store: Path | None = None
    shards: int = 3
    epoch_seconds: float = 0.0
    judge: Judge | None = None
    partitions: int = 1
    steps: list[str] = field(default_factory=list)
    results: list[tuple[str, ShardResult]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    decided: list[tuple[str, Sequence[Record]]] = field(default_factory=list)

    def go(self, workers: int = 1, ends: int | None = None) -> None:
        """Run, to the end or to where it is aborted; again, it goes on from the last epoch."""
        with TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as scratch:
            self._go(workers, ends, Path(scratch) if self.store is None else self.store.with_suffix(".checkpoints"))

    def _go(self, workers: int, ends: int | None, checkpoints: Path) -> None:
        how = self.judge or judge(sources=min(workers, len(self.parts)), shards=self.shards)
        flow = build(
            Partitions(self.parts, ends),
            replace(how, checkpoints=checkpoints, workers=workers),
            Routes("events", how.shards, self.partitions, 1, 1, 1, 1),
            Sinks(TestingSink(self.decided), TestingSink([]), TestingSink(self.told), TestingSink(self.results)),
            Tally(),
        )
        self.steps = [step.step_id for step in flow.substeps]
        if self.store is not None and not list(self.store.iterdir()):
            init_db_dir(self.store, 2)
        recovery = None if self.store is None else RecoveryConfig(str(self.store), timedelta(0))
        cluster_main(
            flow, [], 0, worker_count_per_proc=workers, recovery_config=recovery,
            epoch_interval=timedelta(seconds=self.epoch_seconds),
        )  # fmt: skip

    def scored(self) -> dict[str, tuple[object, ...]]:
        """Give score and vector of every processed event; work done twice must have come to the same."""
        found: dict[str, tuple[object, ...]] = {}
        for _, result in self.results:
            if isinstance(result, ShardResult):
                for name, value in essence(result).items():
                    assert found.setdefault(name, value) == value
        return found


def essence(result: ShardResult) -> dict[str, tuple[object, ...]]:
    """Give what a result says of each event it processed."""
    rows = result.vectors.select("event_id", score=result.scores["score"], vector="vector").iter_rows()
    return {event: (score, *("none" if v != v else v for v in vector)) for event, score, vector in rows}


def alone(some: Sequence[bytes]) -> dict[str, tuple[object, ...]]:
    """Judge lines in one go, without a flow."""
    intake = Intake(PLAN, HOUR_MS, shipped_reader(), new_groups())
    return essence(new_shard().process(whole(intake.process(frame(some))), -(2**60), None))
