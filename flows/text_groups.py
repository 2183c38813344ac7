"""The step that all messages pass: near duplicates of one another are found in one place, whoever sent them.

That place is one worker. It takes 5 us a message, so it is no bottleneck before some 200,000 messages a second; between
two of them an edited copy would be a stranger to its original.
"""

from __future__ import annotations

import time
from typing import Final, TypedDict

from bytewax.operators import StatefulBatchLogic

from detector.contract.times import DAY_MS
from detector.message_groups import MessageGroups
from flows.batches import Mark, TextAnswer, TextInput
from flows.checkpoints import Place, Segments
from flows.worker_table import WorkerTable

_KEPT_MS: Final = 7 * DAY_MS
_SWEPT_AN_INPUT: Final = 64


class TextState(TypedDict):
    """The groups as the recovery store keeps them; they are in their checkpoints."""

    watermark_ms: int
    place: Place


class TextLogic(StatefulBatchLogic[TextInput, TextAnswer, TextState]):
    """Messages in, what they are part of out, in the order they came."""

    def __init__(self, worker: WorkerTable[MessageGroups], state: TextState | None) -> None:
        self._worker = worker
        self._segments: Segments = (
            worker.restore(0, state["place"], state["watermark_ms"]) if state else worker.begin(0)
        )

    def on_batch(self, values: list[TextInput]) -> tuple[list[TextAnswer], bool]:
        """Answer all that is asked."""
        answers = []
        for value in values:
            self._sweep(value.mark)
            if value.messages is not None:
                grouped = self._worker.table.process(value.messages)
                answers.append(TextAnswer(value.mark.source, value.number, grouped))
        return answers, StatefulBatchLogic.RETAIN

    def snapshot(self) -> TextState:
        """Write what changed."""
        self._worker.write()
        return {"watermark_ms": self._worker.watermark.value_ms, "place": self._segments.ended()}

    def _sweep(self, mark: Mark) -> None:
        # One event from a clock that is ahead moves the watermark; it must not sweep away what is in use today.
        past_ms = min(self._worker.watermark.observe(mark), int(time.time() * 1000))
        self._worker.table.sweep(past_ms - _KEPT_MS, _SWEPT_AN_INPUT)
