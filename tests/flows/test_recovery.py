"""The recovery store after a crash between an epoch's snapshots and the note that it is done."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main

from flows.recovery import RecoveryError, forget_unfinished


def run(store: Path, source: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Add up numbers by key, from where the store says; the sums that came out."""
    found: list[tuple[str, int]] = []
    flow = Dataflow("sums")
    numbers = op.input("in", flow, TestingSource(source))
    sums = op.stateful_map("sum", numbers, lambda held, number: ((held or 0) + number,) * 2)
    op.output("out", sums, TestingSink(found))
    cluster_main(
        flow, [], 0, epoch_interval=timedelta(hours=1), recovery_config=RecoveryConfig(str(store), timedelta(0))
    )
    return found


def lose_the_note(store: Path) -> None:
    """Leave the store as a crash does between the snapshots of an epoch and the note that it is done."""
    for file in store.glob("*.sqlite3"):
        with closing(sqlite3.connect(file)) as opened, opened:
            opened.execute("DELETE FROM fronts WHERE ex_num = (SELECT max(ex_num) FROM exs)")
            opened.execute("DELETE FROM commits")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    init_db_dir(tmp_path, 1)
    return tmp_path


def crashed_then_stopped_at_once(store: Path, *, mended: bool) -> list[tuple[str, int]]:
    """Crash in the first epoch, start again and stop before anything is read, then read it all."""
    run(store, [("a", 1), ("b", 2)])
    lose_the_note(store)
    if mended:
        forget_unfinished(store)
    run(store, [])
    return run(store, [("a", 1), ("b", 2)])


def test_bytewax_takes_a_snapshot_that_never_became_durable_for_real(store: Path):
    """Once an upgrade mends this, `flows.recovery` can go."""
    assert crashed_then_stopped_at_once(store, mended=False) != [("a", 1), ("b", 2)]


def test_what_never_became_durable_is_forgotten(store: Path):
    assert crashed_then_stopped_at_once(store, mended=True) == [("a", 1), ("b", 2)]


def test_what_is_durable_stays(store: Path):
    run(store, [("a", 1)])
    assert forget_unfinished(store) == 0
    assert run(store, [("a", 1), ("a", 5)]) == [("a", 6)]


def test_a_store_that_was_never_used_is_left_as_it_is(store: Path):
    assert forget_unfinished(store) == 0


def test_a_damaged_store_says_what_to_do(store: Path):
    (file,) = store.glob("*.sqlite3")
    file.write_bytes(b"no database" * 100)
    with pytest.raises(RecoveryError, match="bring the whole state folder back"):
        forget_unfinished(store)
