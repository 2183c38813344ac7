"""What a snapshot must tell of a state: the slots that changed since the last one, and some of the others in turn.

With every two slots that changed, one that did not is told. After so many snapshots each slot was told at least once
since a turn began, so what was told before that turn is needed no more; and a snapshot costs what changed, not what
there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from features.hashing import shard_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

OTHERS: Final = 0.5
"""A turn then tells three times what there is; more others would make turns shorter and every snapshot larger."""
_OTHERS_MIN: Final = 16


class Turn(NamedTuple):
    """What to tell now."""

    slots: NDArray[np.int64]
    removed: NDArray[np.uint64]
    """Keys forgotten since the last time, each once; some may be in ``slots`` again, under a slot of their own."""
    complete: bool
    """Whether with this one every slot was told since the last turn was complete."""

    def by_shard(self, keys: NDArray[np.uint64], shards: int) -> dict[int, Turn]:
        """Cut it by the keys its slots have; all shards if it is complete, else those with something to tell."""
        shard, removed = shard_of(keys, shards), shard_of(self.removed, shards)
        some = range(shards) if self.complete else np.union1d(shard, removed).tolist()
        return {s: Turn(self.slots[shard == s], self.removed[removed == s], self.complete) for s in some}


class Touched:
    """Remembers which slots changed, and whose turn it is."""

    def __init__(self) -> None:
        self._changed = np.zeros(64, np.bool_)
        self._removed: list[NDArray[np.uint64]] = []
        self._hand = 0
        self._any = False

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return self._any

    def mark(self, slots: NDArray[np.int64], top: int) -> None:
        """Note that slots changed; all slots are below ``top``."""
        if top > len(self._changed):
            self._changed = np.concatenate([self._changed, np.zeros(top, np.bool_)])
        self._changed[slots] = True
        self._any = self._any or len(slots) > 0

    def remove(self, slots: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Note that slots no longer have the keys they had."""
        if len(slots):
            self._changed[slots[slots < len(self._changed)]] = False  # a key told as removed may never have been known
            self._removed.append(keys)
            self._any = True

    def take(self, held: NDArray[np.int64]) -> Turn:
        """Give what to tell, of the slots ``held``, rising."""
        changed = np.flatnonzero(self._changed)
        start = int(np.searchsorted(held, self._hand))
        others = held[start : start + int(OTHERS * len(changed)) + _OTHERS_MIN]
        complete = start + len(others) >= len(held)
        self._hand = 0 if complete else int(others[-1]) + 1
        removed = np.unique(np.concatenate(self._removed)) if self._removed else np.zeros(0, np.uint64)
        self._changed[changed] = False
        self._removed, self._any = [], False
        return Turn(np.union1d(changed, others), removed, complete)
