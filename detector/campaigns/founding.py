"""What accounts sent before their group was a campaign: who founded it, and whether they acted together elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.campaigns.evidence import WINDOW_MS
from detector.campaigns.record import BENIGN
from features.text.column import TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from detector.campaigns.batch import Arrival, Membership, Sent
    from detector.campaigns.recent import Recent
    from detector.campaigns.record import Record
    from features.text.near_duplicates import Matches

TOGETHER: Final = 2
"""Senders of one group who also sent another."""
APART_MS: Final = 600_000
"""Texts sent within so much time are one act: an output that people paste is often several messages."""


class Before:
    """The messages before one, of its batch and earlier ones, that are in no campaign."""

    def __init__(self, recent: Recent, arrival: Arrival, batch: Sent, matches: Matches, said: Membership) -> None:
        self._recent, self._arrival, self._batch, self._matches = recent, arrival, batch, matches
        self._alone = (matches.leaders[: arrival.row] != 0) & (said.campaigns[: arrival.row] == 0)

    def founders(self) -> list[tuple[int, int, str]]:
        """Give sender, time and id of the messages of the same group, within `WINDOW_MS`."""
        arrival, batch = self._arrival, self._batch
        rows = self._rows(self._matches.leaders, [arrival.leader])
        found = self._recent.find(arrival.leader, self._coming)
        ids = TextColumn.at(batch.account_ids, rows).strings()
        found += zip(batch.senders[rows].tolist(), batch.ts[rows].tolist(), ids, strict=True)
        return [each for each in found if abs(each[1] - arrival.ts) <= WINDOW_MS]

    def shared_another(self, senders: set[int]) -> bool:
        """Tell whether `TOGETHER` of these senders sent near duplicates of another text, not at the same time."""
        rows, arrival = self._rows(self._batch.senders, senders), self._arrival
        keys, leaders, ts = (
            np.concatenate(parts)
            for parts in zip(
                self._recent.sent_by(senders, self._coming),
                (self._batch.senders[rows], self._matches.leaders[rows], self._batch.ts[rows]),
                strict=True,
            )
        )
        away, same = np.abs(ts - arrival.ts), leaders == np.uint64(arrival.leader)
        kept = ~same & (away > APART_MS) & (away <= WINDOW_MS) & ~_beside(keys, ts, same)
        pairs = np.unique(np.column_stack([leaders[kept], keys[kept]]), axis=0)
        return int(np.unique(pairs[:, 0], return_counts=True)[1].max(initial=0)) >= TOGETHER

    @property
    def _coming(self) -> int:
        return int(np.count_nonzero(self._alone))

    def _rows(self, column: NDArray[np.uint64], wanted: Iterable[int]) -> NDArray[np.int64]:
        before = column[: self._arrival.row]
        return np.flatnonzero(self._alone & np.isin(before, np.array(list(wanted), np.uint64)))


def _beside(senders: NDArray[np.uint64], ts: NDArray[np.int64], same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which messages their sender sent within `APART_MS` of one of these: an output pasted twice is one act."""
    beside = np.zeros(len(ts), np.bool_)
    for sender in np.unique(senders[same]):
        own = senders == sender
        times = np.sort(ts[own & same])
        first = np.searchsorted(times, ts[own] - APART_MS)  # all pairs would be too many where somebody floods
        beside[own] = first < np.searchsorted(times, ts[own] + APART_MS, "right")
    return beside


def share_a_campaign(records: Iterable[Record], senders: set[int], ts: int) -> bool:
    """Tell whether `TOGETHER` of these senders are members of a campaign that began at another time."""
    return any(
        record.label != BENIGN
        and abs(ts - record.first_ms) > APART_MS
        and sum(sender in record.members for sender in senders) >= TOGETHER
        for record in records
    )
