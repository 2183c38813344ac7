"""The few messages that deserve a slow encoder: chosen within a budget, encoded beside the stream, joined later.

Nothing here waits. What is over the budget, or finds the queue full, is passed over and counted: the stream goes on
with what it knows. What is known lives in memory alone; after a restart it is made again as messages come.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from features.text.column import TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.encoder import Encoder

QUEUED_MAX: Final = 1_024
CACHED_MAX: Final = 1 << 14
BURST_SECONDS: Final = 2.0
"""What was not used of the budget is kept for so long."""
BATCH: Final = 64


class Escalated(NamedTuple):
    """Messages whose vectors are ready, a row each, in no order that means anything."""

    event_ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    """(k, dimensions)."""


class _Text(NamedTuple):
    """A text to encode, for all who ask for its leader by the time it is done."""

    leader: int
    folded: str
    event_ids: list[str]


class EscalationQueue:
    """Encodes at most ``budget_per_second`` texts in a thread of its own; near duplicates share a vector.

    ``encoder`` puts texts of like length together itself. ValueError if the budget is not positive.
    """

    def __init__(
        self,
        encoder: Encoder,
        budget_per_second: float,
        queued_max: int = QUEUED_MAX,
        cached_max: int = CACHED_MAX,
    ) -> None:
        if budget_per_second <= 0:
            msg = f"expected a positive number of messages a second to escalate, got {budget_per_second}"
            raise ValueError(msg)
        self._encoder, self._rate = encoder, budget_per_second
        self._queued_max, self._cached_max = queued_max, cached_max
        self._tokens, self._at_seconds = budget_per_second * BURST_SECONDS, -np.inf
        self.passed_over = 0
        """Messages that were offered and not taken, ever."""
        self._queue: deque[_Text] = deque()
        self._waiting: dict[int, _Text] = {}
        self._known: dict[int, NDArray[np.float32]] = {}
        self._ready: list[tuple[str, NDArray[np.float32]]] = []
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="escalation", daemon=True)
        self._thread.start()

    def offer(
        self, event_ids: Sequence[str], leaders: NDArray[np.uint64], folded: TextColumn, now_seconds: float
    ) -> list[bool]:
        """Ask for the vectors of n messages, given by their events, near-duplicate leaders (0 for none) and texts.

        ``now_seconds`` is a clock that only rises. One whose leader has a vector, or soon will, costs nothing. Says
        which were taken: of these `take` will tell.
        """
        with self._changed:
            self._earn(now_seconds)
            asked = zip(event_ids, leaders.tolist(), folded.strings(), strict=True)
            taken = [self._take_in(event_id, leader, text) for event_id, leader, text in asked]
            self._changed.notify()
        return taken

    def take(self) -> Escalated:
        """Return what is ready, once. Raises what the encoder raised, if it failed."""
        with self._changed:
            if self._error is not None:
                raise self._error
            ready, self._ready = self._ready, []
        vectors = np.zeros((len(ready), self._encoder.dimensions), np.float32)
        for row, (_, vector) in zip(vectors, ready, strict=True):
            row[:] = vector
        return Escalated(tuple(event_id for event_id, _ in ready), vectors)

    def close(self) -> None:
        """Stop after the texts being encoded; those that wait are left."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _earn(self, now_seconds: float) -> None:
        """Fill the bucket by the time that went by (J. Turner, "New directions in communications", 1986)."""
        earned = (now_seconds - self._at_seconds) * self._rate
        self._tokens = min(self._rate * BURST_SECONDS, self._tokens + max(0.0, earned))
        self._at_seconds = max(self._at_seconds, now_seconds)

    def _take_in(self, event_id: str, leader: int, text: str) -> bool:
        if leader and leader in self._known:
            vector = self._known[leader] = self._known.pop(leader)  # the one idle longest goes first
            self._ready.append((event_id, vector))
        elif leader and leader in self._waiting:
            self._waiting[leader].event_ids.append(event_id)
        elif self._tokens < 1 or len(self._queue) >= self._queued_max:
            self.passed_over += 1
            return False
        else:
            self._tokens -= 1
            asked = _Text(leader, text, [event_id])
            self._queue.append(asked)
            if leader:
                self._waiting[leader] = asked
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                asked = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                vectors = self._encoder.encode(TextColumn.of([text.folded for text in asked]))
            except BaseException as error:  # noqa: BLE001 -- the stream's thread raises it
                with self._changed:
                    self._error = error
                return
            with self._changed:
                for text, vector in zip(asked, vectors, strict=True):
                    self._settle(text, vector)

    def _settle(self, text: _Text, vector: NDArray[np.float32]) -> None:
        self._ready += [(event_id, vector) for event_id in text.event_ids]
        if text.leader:
            del self._waiting[text.leader]
            self._known[text.leader] = vector
            if len(self._known) > self._cached_max:
                del self._known[next(iter(self._known))]
