"""What the lake's exactness rests on: when Bytewax asks for a snapshot, the epoch before it is durable.

A Bytewax upgrade that changes this must fail here.
"""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main

EPOCHS = 6
# By another process: SQLite inside the worker would share Bytewax's file locks.
READER = """if True:
    import pickle, sqlite3, sys
    found = []
    for path in sys.argv[1:]:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        # A restart resumes at the frontier: a snapshot counts only when it lies before it.
        found += [pickle.loads(row[0]) for row in db.execute(
            "SELECT ser_change FROM snaps WHERE step_id = 'durable.out' AND ser_change IS NOT NULL"
            " AND snap_epoch < (SELECT max(worker_frontier) FROM fronts)")]
    print(max(found, default=0))
"""


class Numbers(StatefulSourcePartition[int, int]):
    def __init__(self, state: int | None) -> None:
        self.at = state or 0

    def next_batch(self) -> list[int]:
        if self.at >= EPOCHS:
            raise StopIteration
        self.at += 1
        return [self.at]

    def snapshot(self) -> int:
        return self.at


class Source(FixedPartitionedSource[int, int]):
    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Numbers:
        del step_id, for_part
        return Numbers(resume_state)


class Witness(StatefulSinkPartition[int, int]):
    """Notes at each snapshot which of its earlier ones can be read from the store."""

    def __init__(self, store: Path, seen: list[tuple[int, int]]) -> None:
        self.store, self.seen, self.number = store, seen, 0

    def write_batch(self, values: list[int]) -> None:
        pass

    def snapshot(self) -> int:
        files = [str(path) for path in self.store.glob("*.sqlite3")]
        result = subprocess.run([sys.executable, "-c", READER, *files], capture_output=True, text=True, check=True)
        self.seen.append((self.number, int(result.stdout)))
        self.number += 1
        return self.number


class Sink(FixedPartitionedSink[int, int]):
    def __init__(self, store: Path, seen: list[tuple[int, int]]) -> None:
        self.store, self.seen = store, seen

    def list_parts(self) -> list[str]:
        return ["0"]

    def part_fn(self, item_key: str) -> int:
        del item_key
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Witness:
        del step_id, for_part, resume_state
        return Witness(self.store, self.seen)


def test_at_a_snapshot_the_epoch_before_is_durable_and_this_one_is_not(tmp_path: Path):
    init_db_dir(tmp_path, 1)
    seen: list[tuple[int, int]] = []
    flow = Dataflow("durable")
    numbers = op.map("key", op.input("in", flow, Source()), lambda number: ("0", number))
    op.output("out", numbers, Sink(tmp_path, seen))
    cluster_main(flow, [], 0, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(tmp_path), timedelta(0)))
    assert len(seen) >= EPOCHS - 1
    assert all(durable == before for before, durable in seen), seen
