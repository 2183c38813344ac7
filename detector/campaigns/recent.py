"""The messages that are part of no campaign yet: when one forms, they say who was in it from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features.text.column import TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CAPACITY: Final = 1 << 18


class Recent:
    """The last ``capacity`` messages that had near duplicates or could have had, some 90 bytes each."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity, self._total = capacity, 0
        self._leaders = np.zeros(capacity, np.uint64)
        self._senders = np.zeros(capacity, np.uint64)
        self._ts = np.zeros(capacity, np.int64)
        self._ids = np.empty(capacity, object)

    def append(
        self, leaders: NDArray[np.uint64], senders: NDArray[np.uint64], ts: NDArray[np.int64], ids: list[str]
    ) -> None:
        """Keep k messages in the place of the oldest."""
        count = min(len(leaders), self._capacity)
        if count == 0:
            return
        places = (self._total + len(leaders) - count + np.arange(count)) % self._capacity
        self._leaders[places], self._senders[places] = leaders[-count:], senders[-count:]
        self._ts[places], self._ids[places] = ts[-count:], ids[-count:]
        self._total += len(leaders)

    def find(self, leader: int, coming: int) -> list[tuple[int, int, str]]:
        """Give sender, time and account id of each message of a leader, oldest first.

        Those are left out that ``coming`` more messages would take the places of.
        """
        kept = self._staying(self._leaders[: self._total] == np.uint64(leader), coming)
        return list(zip(self._senders[kept].tolist(), self._ts[kept].tolist(), self._ids[kept].tolist(), strict=True))

    def sent_by(
        self, senders: Iterable[int], coming: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
        """Give sender, leader and time of each message of some accounts, but those `find` leaves out as well."""
        held = self._senders[: self._total]
        sent = np.zeros(len(held), np.bool_)
        for sender in senders:
            sent |= held == np.uint64(sender)
        kept = self._staying(sent, coming)
        return self._senders[kept], self._leaders[kept], self._ts[kept]

    def _staying(self, wanted: NDArray[np.bool_], coming: int) -> NDArray[np.int64]:
        found = np.flatnonzero(wanted)
        ages = (self._total - 1 - found) % self._capacity
        return found[np.argsort(-ages)][np.count_nonzero(ages >= self._capacity - coming) :]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copy the messages, oldest first, into arrays that never change."""
        held = min(self._total, self._capacity)
        order = (self._total - held + np.arange(held)) % self._capacity
        ids = TextColumn.of(self._ids[order].tolist())
        return {
            "recent_total": np.array([self._total]),
            "recent_leaders": self._leaders[order],
            "recent_senders": self._senders[order],
            "recent_ts": self._ts[order],
            "recent_ids": ids.data,
            "recent_ids_offsets": ids.offsets,
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        ids = TextColumn(state["recent_ids"], state["recent_ids_offsets"]).strings()
        self._leaders[:], self._total = 0, int(state["recent_total"][0]) - len(ids)
        self.append(state["recent_leaders"], state["recent_senders"], state["recent_ts"], ids)
