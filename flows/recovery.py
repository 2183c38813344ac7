"""Bytewax's recovery store, rid of what never became durable before a restart can take it for real.

At the end of an epoch Bytewax writes the snapshots of all that was touched in it, and only then that the epoch is done.
A crash in between leaves snapshots of an epoch that will be run again, and Bytewax neither deletes nor tells them
from new ones: where the epoch, run again, touches less than it did (it ends sooner, or is stopped), an old snapshot
passes for the state of its key. Events would count as seen that never will be judged.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from detector.contract.errors import GillnetError

_EXECUTIONS: Final = "SELECT ex_num, worker_count, resume_epoch FROM exs"
_FRONTIERS: Final = "SELECT ex_num, worker_index, worker_frontier FROM fronts"
_PARTITIONS: Final = "SELECT max(CAST(state_key AS INTEGER)) FROM snaps WHERE step_id = ? HAVING count(*) > 0"
_UNFINISHED: Final = "DELETE FROM snaps WHERE snap_epoch >= ?"


class RecoveryError(GillnetError):
    """The recovery store cannot be read."""


def forget_unfinished(folder: Path) -> int:
    """Delete the snapshots of epochs that the next start runs again; how many. Nobody may be using the store."""
    files = sorted(folder.glob("*.sqlite3"))
    try:
        executions = {number: held for file in files for number, *held in _rows(file, _EXECUTIONS)}
        if not executions:
            return 0
        last = max(executions)
        workers, resumed_from = executions[last]
        frontiers = dict.fromkeys(range(workers), resumed_from)
        for file in files:
            reached = {worker: epoch for number, worker, epoch in _rows(file, _FRONTIERS) if number == last}
            frontiers |= {worker: max(epoch, frontiers.get(worker, epoch)) for worker, epoch in reached.items()}
        return sum(_delete(file, min(frontiers.values())) for file in files)
    except sqlite3.DatabaseError as error:
        raise RecoveryError(
            f"the recovery store in {folder} cannot be read ({error}): bring the whole state folder back from a copy, "
            "or move it away and replay the events topic"
        ) from error


def source_partitions(folder: Path, step_id: str) -> int:
    """Count the partitions of which a source has a state, 0 when it never had one."""
    files = folder.glob("*.sqlite3")
    return max((part + 1 for file in files for (part,) in _rows(file, _PARTITIONS, step_id)), default=0)


def _rows(file: Path, query: str, *parameters: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(file)) as store:
        return store.execute(query, parameters).fetchall()


def _delete(file: Path, from_epoch: int) -> int:
    with closing(sqlite3.connect(file)) as store, store:
        return store.execute(_UNFINISHED, (from_epoch,)).rowcount
