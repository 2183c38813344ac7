"""Drift in the stream: a sample of an hour's events against one of those the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.times import HOUR_MS
from models.drift import ROWS_MIN, reference_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.histories import Judge
    from models.drift import Reference

_SAMPLED: Final = np.uint64(31)  # one event in 32: an hour of 100 events a second still gives 11,000 rows
_REFERENCE_ROWS_MAX: Final = 50_000
_CHUNK: Final = 512  # rows to count at once; a few at a time would cost a pass over all columns each


class DriftWatch:
    """Counts rows of the hour by event time, and says at its end how far each column has moved.

    A late event counts in the hour that is running, as it does for what is decided then.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._hour = -1
        self._held: list[NDArray[np.float64]] = []
        self._begin()
        self._told: dict[str, float] | None = None

    @staticmethod
    def sampled(events: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Say which of some events, of which the keys are given, are to be observed."""
        return np.flatnonzero((events >> np.uint64(20) & _SAMPLED) == 0)

    def observe(self, ts: NDArray[np.int64], vectors: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Take in the times in ms of events, and vectors, shape (n, F), and scores, shape (n,), of those sampled."""
        if not len(ts):
            return
        hour = int(ts.max()) // HOUR_MS
        if hour > self._hour:
            self._end()
            self._hour = hour
        if len(scores):
            self._held.append(np.column_stack([vectors, scores]))
            self._rows += len(scores)
            if sum(map(len, self._held)) >= _CHUNK:
                self._count()

    def take(self) -> dict[str, float]:
        """Give the index of each column over the last hour that ended since this was asked; else nothing."""
        told, self._told = self._told or {}, None
        return told

    def _end(self) -> None:
        self._count()
        if self._rows >= ROWS_MIN:
            found = self.reference.stability(self._counts).tolist()
            self._told = dict(zip(self.reference.columns, found, strict=True))
        self._begin()

    def _count(self) -> None:
        if self._held:
            self.reference.count(np.concatenate(self._held), self._counts)
            self._held = []

    def _begin(self) -> None:
        self._counts, self._rows = self.reference.counts(), 0


class Sampling:
    """A judge, and a sample of what it judged: every event, then every second, fourth and so on as they get many."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._held: list[NDArray[np.float64]] = []
        self._rows, self._step = 0, 1

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns it reads, in their order."""
        return self._judge.feature_names

    def judge(self, vectors: NDArray[np.float64], account: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score vectors, shape (n, F), of accounts; and keep some."""
        scores = self._judge.judge(vectors, account)
        self._held.append(np.column_stack([vectors, scores])[:: self._step].copy())
        self._rows += len(self._held[-1])
        if self._rows > _REFERENCE_ROWS_MAX:
            self._held = [np.concatenate(self._held)[::2].copy()]
            self._rows, self._step = len(self._held[0]), 2 * self._step
        return scores

    def reference(self) -> Reference | None:
        """Describe the sample; None where there is nothing to compare with."""
        if self._rows < ROWS_MIN:
            return None
        rows = np.concatenate(self._held)
        return reference_of(self.feature_names, rows[:, :-1], rows[:, -1])
