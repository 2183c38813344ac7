"""Shared entities: how many accounts used the same device, ip, photo or link of late.

An entity is anything accounts may have in common; its kind and value are hashed to one 64-bit key, so that all kinds
live in one state. Of each it is known which accounts used it, each at its newest time. Windows end at the entity's
newest event, and both ends belong to them.

What is known in the end is the same in whatever order events arrive: a count lacks only the events that come after it.
An event more than 24 hours older than its entity's newest counts nothing, for no window will reach back to it. Counts
are exact up to `MEMBERS_MAX` = 1,024 and read 1,024 beyond: the entity then knows the 1,024 accounts that used it last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features import entity_kernels as kernels
from features.entity_places import DAY_MS, HOUR_MS, MEMBERS_MAX, RECORD, SIZE_CLASSES, UNIT, UNITS_MAX, Entities
from features.slots import SlotTable
from features.touched import Touched

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATE_VERSION: Final = 1
WINDOWS_MS: Final = (HOUR_MS, DAY_MS)
__all__ = ["MEMBERS_MAX", "STATE_VERSION", "WINDOWS_MS", "SharedEntities"]


class SharedEntities:
    """The accounts that used each entity in the last hour and the last 24 hours, counted after every event.

    `sweep` forgets an entity that was idle for longer than 24 hours and ``lateness_ms`` together. That changes no count
    as long as no event is later than ``lateness_ms`` behind the watermark: its windows would find nothing.
    """

    _words: NDArray[np.int64]
    _pool: NDArray[np.int32]
    _hand: int

    def __init__(self, lateness_ms: int) -> None:
        self._idle_ms = DAY_MS + lateness_ms
        self._clear()

    def __len__(self) -> int:
        """Return the number of entities held."""
        return len(self._slots)

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self._slots.nbytes + self._words.nbytes + self._pool.nbytes

    def process(
        self, keys: NDArray[np.uint64], members: NDArray[np.uint64], ts: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Take in the accounts ``members`` that used the entities ``keys``, in the order given; shapes (k,).

        Return (k, 2): the different accounts within each of `WINDOWS_MS`, after each row.
        """
        slots = self._find_or_add(keys)
        counts = np.zeros((len(keys), len(WINDOWS_MS)), np.int32)
        row, accounts, ts = 0, np.ascontiguousarray(members).view(np.int64), np.ascontiguousarray(ts)
        while (row := kernels.process(self._state(), slots, accounts, ts, counts, row)) < len(keys):
            more = np.zeros(len(self._pool) // 4 + UNITS_MAX * UNIT, np.int32)
            self._pool = np.concatenate([self._pool, more])
        return counts

    def sweep(self, watermark_ms: int, steps: int) -> int:
        """Look at the next ``steps`` entities and forget those that are idle; return how many were."""
        top = self._slots.top
        freed = np.empty(min(steps, top), np.int64)
        count = kernels.sweep(self._state(), self._hand, top, watermark_ms - self._idle_ms, freed)
        self._hand = (self._hand + len(freed)) % max(top, 1)
        self._forget(freed[:count])
        return count

    def changes(self, shards: int = 1) -> dict[int, dict[str, NDArray[Any]]]:
        """Tell by shard what `apply` must be told, after all it was told before, to hold the same state.

        Only what changed, and a little more in turn: once it is ``complete``, all since the last time it was is enough.
        """
        if not self._touched:
            return {}
        turn = self._touched.take(self._slots.slots())
        return {
            shard: self.extract(part.slots) | {"removed": part.removed, "complete": np.array([part.complete])}
            for shard, part in turn.by_shard(self._slots.keys_of(turn.slots), shards).items()
        }

    def apply(self, changes: dict[str, NDArray[Any]]) -> None:
        """Take in what `changes` told. ValueError if another version wrote it."""
        self._forget(self._release(changes["removed"]))
        self.put(changes)
        self._touched = Touched()  # all this was told already

    def extract(self, slots: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """Copy the entities in k slots into arrays that never change; `put` takes them in."""
        state = self._state()
        newest, counts = np.empty(len(slots), np.int64), np.empty(len(slots), np.int32)
        held = kernels.count_held(state, slots)
        members, ages = np.empty(held, np.uint64), np.empty(held, np.int32)
        total = kernels.copy_held(state, slots, newest, counts, members.view(np.int64), ages)
        return {
            "version": np.array([STATE_VERSION]),
            "keys": self._slots.keys_of(slots),
            "newest": newest,
            "counts": counts,
            "members": members[:total].copy(),
            "ages": ages[:total].copy(),
        }

    def put(self, state: dict[str, NDArray[Any]]) -> None:
        """Take in what `extract` gave, in place of what was known of them. ValueError if another version wrote it."""
        if state["version"][0] != STATE_VERSION:
            msg = (
                f"the state of shared entities has version {state['version'][0]}, expected {STATE_VERSION}: it was "
                "written by another version; start with an empty state folder and fill it by replaying the events topic"
            )
            raise ValueError(msg)
        self._release(state["keys"])
        newest = np.repeat(state["newest"], state["counts"])
        self.process(np.repeat(state["keys"], state["counts"]), state["members"], newest - state["ages"])

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy the state into arrays that never change; ``restore`` takes them back."""
        return self.extract(self._slots.slots())

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a snapshot. ValueError if another version wrote it."""
        self._clear()
        self.put(state)

    def _release(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        slots = self._find_or_add(keys)
        kernels.release_all(self._state(), slots)
        return slots

    def _forget(self, slots: NDArray[np.int64]) -> None:
        self._touched.remove(slots, self._slots.keys_of(slots))
        self._slots.remove(slots)

    def _find_or_add(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        slots = self._slots.find_or_add(keys)
        needed = self._slots.top * RECORD
        if needed > len(self._words):
            self._words = _grown(self._words, max(needed, len(self._words) * 5 // 4 // RECORD * RECORD))
        self._touched.mark(slots, self._slots.top)
        return slots

    def _clear(self) -> None:
        self._slots, self._touched = SlotTable(), Touched()
        self._words = _grown(np.zeros(0, np.int64), 64 * RECORD)
        self._pool = np.zeros(2 * UNITS_MAX * UNIT, np.int32)
        self._free = np.full(SIZE_CLASSES, -1, np.int64)
        self._top = np.zeros(1, np.int64)
        self._hand = 0

    def _state(self) -> Entities:
        return Entities(self._words, self._words.view(np.int32), self._pool, self._free, self._top)


def _grown(old: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Copy into a longer array that begins with a cache line, so that a record is in one."""
    spare = np.zeros(size + RECORD, np.int64)
    start = -(spare.ctypes.data // 8) % RECORD
    new = spare[start : start + size]
    new[: len(old)] = old
    return new
