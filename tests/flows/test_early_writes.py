"""Early writes: what changed is written beside the stream before an epoch ends, and counts when it has ended."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.touched import Touched
from flows import checkpoints
from flows.checkpoints import Checkpoints, Place, Segments
from flows.worker_table import EARLY_ROWS, WorkerTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHARDS = 3
NAMES = 40


class Numbers:
    """A table of a number for each name; names are spread over shards by themselves."""

    def __init__(self) -> None:
        self.values = np.full(NAMES, -1)
        self._touched = Touched()

    def put(self, name: int, value: int) -> None:
        self.values[name] = value
        self._touched.mark(np.array([name]), NAMES)

    def changes(self, shards: int) -> Mapping[int, Mapping[str, Any]]:
        if not self._touched:
            return {}
        turn = self._touched.take(np.flatnonzero(self.values >= 0))
        told = {}
        for shard in range(shards):
            names = turn.slots[turn.slots % shards == shard]
            told[shard] = {"keys": names, "values": self.values[names], "complete": np.array([turn.complete])}
        return told

    def apply(self, changes: dict[str, Any]) -> None:
        self.values[changes["keys"]] = changes["values"]


def begun(folder: Path, places: list[Place] | None = None) -> tuple[WorkerTable[Numbers], list[Segments]]:
    """Begin all shards, or go on from where they ended."""
    table = WorkerTable(Numbers(), SHARDS, 1, Checkpoints(folder, "numbers"))
    if places is None:
        return table, [table.begin(shard) for shard in range(SHARDS)]
    return table, [table.restore(shard, place, 0) for shard, place in enumerate(places)]


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


EPOCHS = st.lists(
    st.lists(st.tuples(st.integers(0, NAMES - 1), st.booleans()), min_size=1, max_size=30), min_size=1, max_size=12
)


@given(EPOCHS, st.sampled_from([1, 1 << 20]), st.data())
def test_a_restart_finds_the_state_of_the_last_epoch_that_ended_whatever_was_written_early(
    epochs: list[list[tuple[int, bool]]], segment_bytes: int, data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SEGMENT_BYTES", segment_bytes)
        (table, segments), value = begun(Path(folder)), 0
        places, ended = [s.ended() for s in segments], table.table.values.copy()
        for puts in epochs:
            for name, early in puts:
                value += 1
                table.table.put(name, value)
                table.write_early(EARLY_ROWS if early else 0)
            if data.draw(st.booleans(), "killed before the epoch ends"):
                table.settle()  # a thread of a process that is killed writes no more
                table, segments = begun(Path(folder), places)
            else:
                table.write()
                places, ended = [s.ended() for s in segments], table.table.values.copy()
            assert np.array_equal(table.table.values, ended)
        assert np.array_equal(begun(Path(folder), places)[0].table.values, ended)


def test_what_is_written_early_is_on_disk_before_the_epoch_ends(tmp_path: Path) -> None:
    table, segments = begun(tmp_path)
    for name in range(NAMES):
        table.table.put(name, 1)
    table.write()
    before = [s.ended() for s in segments]
    table.table.put(3, 2)
    table.write_early(EARLY_ROWS)
    table.settle()
    assert [s.ended() for s in segments] != before
    table.write()
    assert sum(s.ended()["end"] for s in segments) > sum(place["end"] for place in before)


def test_fewer_rows_are_written_early_when_the_epoch_is_about_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("flows.epoch_clock.time", SimpleNamespace(monotonic=lambda: now[0]))
    table = WorkerTable(Numbers(), SHARDS, 1, Checkpoints(tmp_path, "numbers"), epoch_seconds=10)
    segments = [table.begin(shard) for shard in range(SHARDS)]
    table.table.put(3, 1)
    table.write()
    ends = []
    for later in (5, 4.5, 0.2):
        now[0] += later
        table.table.put(3, 2)
        table.write_early(300)
        table.settle()
        ends.append(sum(s.ended()["end"] for s in segments))
    assert ends[0] < ends[1] == ends[2]  # once in an epoch


def test_in_its_first_epoch_a_worker_writes_nothing_early(tmp_path: Path) -> None:
    table, segments = begun(tmp_path)
    table.table.put(3, 1)
    table.write_early(EARLY_ROWS)
    table.settle()
    assert all(s.ended()["end"] == 0 for s in segments)


def test_what_an_early_write_failed_of_is_raised_at_the_end_of_the_epoch(tmp_path: Path) -> None:
    table, _ = begun(tmp_path)
    table.table.put(3, 1)
    table.write()
    table.table.put(3, 2)
    with no_room():
        table.write_early(EARLY_ROWS)
        with pytest.raises(OSError, match="File too large"):
            table.write()
