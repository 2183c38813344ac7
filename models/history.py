"""What training and evaluation learn from: labelled accounts, vectors along their histories, and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.vector_file import VectorFile


@dataclass(frozen=True, slots=True)
class Accounts:
    """Labelled accounts that have events; arrays of shape (m,), in the order of their ids."""

    is_bot: NDArray[np.bool_]
    group: NDArray[np.int64]
    """Accounts of one campaign share a number; they are never parted."""
    first_ms: NDArray[np.int64]
    events: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None
    """How much each label is believed, 0 to 1; without, all are alike."""

    def __len__(self) -> int:
        return len(self.is_bot)

    def at(self, chosen: NDArray[np.int64]) -> Accounts:
        """Keep chosen accounts, renumbered in their order."""
        weight = None if self.weight is None else self.weight[chosen]
        return Accounts(self.is_bot[chosen], self.group[chosen], self.first_ms[chosen], self.events[chosen], weight)


@dataclass(frozen=True, slots=True)
class Points:
    """Vectors as they stood after chosen events; ``account`` indexes ``Accounts``."""

    vectors: NDArray[np.float64] | VectorFile
    account: NDArray[np.int64]
    nth: NDArray[np.int64]
    """How many events of its account a vector has seen."""

    def of(self, accounts: NDArray[np.bool_]) -> Points:
        """Keep the points of chosen accounts."""
        kept = accounts[self.account]
        return Points(self.vectors[kept], self.account[kept], self.nth[kept])

    def weights(self) -> NDArray[np.float64]:
        """Return each point's share of its account, so that accounts count equally and not points.

        Half is the last point's: how an account stands now matters as much as how early it could be told.
        """
        points, last = np.bincount(self.account), np.zeros(len(self.account), np.bool_)
        ends = np.zeros(len(points), np.int64)
        np.maximum.at(ends, self.account, self.nth)
        last[:] = self.nth == ends[self.account]
        before = np.maximum(points - 1, 1)[self.account]
        return np.where(points[self.account] == 1, 1.0, np.where(last, 0.5, 0.5 / before))


@dataclass(frozen=True, slots=True)
class Trace:
    """The score after every event of the labelled accounts, in the order the events were processed."""

    account: NDArray[np.int64]
    nth: NDArray[np.int64]
    ts: NDArray[np.int64]
    score: NDArray[np.float64]

    def final(self, accounts: int) -> NDArray[np.float64]:
        """Return each account's score after its last event."""
        scores = np.full(accounts, np.nan)
        last = np.zeros(accounts, np.int64)
        np.maximum.at(last, self.account, np.arange(len(self.account)))
        seen = np.unique(self.account)
        scores[seen] = self.score[last[seen]]
        return scores

    def highest(self, accounts: int, events_min: int) -> NDArray[np.float64]:
        """Return each account's highest score from its ``events_min``-th event on; 0 if it never had as many."""
        scores = np.zeros(accounts)
        judged = self.nth >= events_min
        np.maximum.at(scores, self.account[judged], self.score[judged])
        return scores

    def first_at(self, threshold: float, accounts: int, events_min: int) -> NDArray[np.int64]:
        """Return the row at which each account is first flagged; -1 if it never is."""
        rows = np.full(accounts, len(self.score), np.int64)
        flagged = np.flatnonzero((self.nth >= events_min) & (self.score >= threshold))
        np.minimum.at(rows, self.account[flagged], flagged)
        return np.where(rows == len(self.score), -1, rows)
