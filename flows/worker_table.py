"""One table for all shards of a worker, so that a batch is one piece of work whatever their number.

A shard is what moves between workers: it has a key in the flow, and files of its own. The first of a worker's shards is
given what there is to do for all of them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from detector.contract.errors import UsageError
from flows.checkpoints import NOWHERE, Checkpoints, Place, Segments
from flows.epoch_clock import EpochClock
from flows.watermark import ShardWatermark


class Table(Protocol):
    """A state that tells by shard what changed in it, and is made of what another told."""

    def changes(self, shards: int) -> Mapping[int, Mapping[str, NDArray[Any]]]:
        """Tell what changed since the last time; ``complete`` says whether all before this turn is needed no more."""

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what was told of a shard; ValueError when another version told it."""


EARLY_ROWS: Final = 2048
_LAST_EARLY_ROWS: Final = 256
"""An early write has a price of its own: that of some hundred rows, as measured. One just before the epoch ends is
worth it sooner, for then the stream waits for less."""
T = TypeVar("T", bound=Table)
S = TypeVar("S")


class WorkerTable(Generic[T]):
    """A worker's table of one kind, how far time has come for it, and the files of its shards.

    The first shard that is asked for its state in an epoch writes those of all. That is sound because a step's shards
    are asked when all of them are done with an epoch and none began the next.
    """

    def __init__(
        self, table: T, shards: int, sources: int, checkpoints: Checkpoints, epoch_seconds: float = math.inf
    ) -> None:
        self.table = table
        self._epoch = EpochClock(epoch_seconds)
        self.watermark = ShardWatermark(sources)
        self._shards, self._checkpoints = shards, checkpoints
        self._own: set[int] = set()
        self._early: Future[None] | None = None
        self._rows, self._all_began = 0, False

    def begin(self, shard: int, place: Place = NOWHERE) -> Segments:
        """Begin a shard of which nothing is known, or go on with its files."""
        self._own.add(shard)
        return self._checkpoints.begin(shard, place)

    def restore(self, shard: int, place: Place, watermark_ms: int) -> Segments:
        """Go on with a shard, or say what to do about the checkpoints of another version."""
        try:
            for changes in self._checkpoints.read(shard, place):
                self.table.apply(changes)
        except ValueError as error:
            raise UsageError(str(error)) from error
        self.watermark.pass_over(watermark_ms)
        return self.begin(shard, place)

    def write_early(self, rows: int) -> None:
        """Write what changed so far, once so many rows may have changed much, beside the stream.

        The end of an epoch then waits for what came last. It counts only when that says where the state ends: after
        a crash, what was written early is cut off. In its first epoch a worker does not know all its shards yet.
        """
        self._rows += rows
        many = self._rows >= EARLY_ROWS or (self._rows >= _LAST_EARLY_ROWS and self._epoch.ends_soon())
        if many and self._all_began and (self._early is None or self._early.done()):
            self.settle()
            self._early = self._checkpoints.write_beside(self._told())

    def write(self) -> None:
        """Write what changed, unless that was done for this epoch, and wait until it is durable."""
        self.settle()
        told = self._told()
        self._all_began = self._all_began or bool(told)
        self._checkpoints.write(told)
        if told:
            self._epoch.begin()

    def settle(self) -> None:
        """Wait until what was written early is durable; raises what it failed of."""
        early, self._early = self._early, None
        if early is not None:
            early.result()

    def _told(self) -> dict[int, Mapping[str, NDArray[Any]]]:
        self._rows, told = 0, self.table.changes(self._shards)
        others = told.keys() - self._own  # a turn that is complete is told of all shards
        return {shard: c for shard, c in told.items() if shard not in others or len(c["keys"])}


class OfWorker(Generic[S]):
    """What each worker has of its own, made when it is first asked for. A worker is a thread.

    (What is local to a thread would not do: Rust's threads are new ones to Python at every call.)
    """

    def __init__(self, new: Callable[[], S]) -> None:
        self._new = new
        self._made: dict[int, S] = {}

    def get(self) -> S:
        """Give that of the worker that asks."""
        thread = threading.get_ident()
        if thread not in self._made:
            self._made[thread] = self._new()
        return self._made[thread]
