"""The step that all messages pass: near duplicates of one another are found in one place, whoever sent them.

That place is one worker. It takes 7 us a message, so it is no bottleneck before some 100,000 messages a second; between
two of them an edited copy would be a stranger to its original.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypedDict

import numpy as np
import polars as pl
from bytewax.operators import StatefulBatchLogic

from detector.campaign_files import AnalystFiles
from detector.contract.decisions import Decision, Verdict
from detector.contract.errors import UsageError
from detector.contract.times import DAY_MS
from detector.escalation import Escalation
from detector.message_groups import MessageGroups
from features.hashing import keys
from features.messages import Messages
from flows import metrics
from flows.batches import CampaignsTold, Mark, Recognised, TextAnswer, TextInput, TextSaid
from flows.checkpoints import Place, Segments
from flows.worker_table import WorkerTable

_KEPT_MS: Final = 90 * DAY_MS  # as long as campaigns look back
_SWEPT_AN_INPUT: Final = 64
_log = logging.getLogger(__name__)


class TextState(TypedDict):
    """The groups as the recovery store keeps them; they are in their checkpoints."""

    watermark_ms: int
    place: Place


class TextLogic(StatefulBatchLogic[TextInput, TextSaid, TextState]):
    """Messages in, what they are part of out, in the order they came; and as time passes, the campaigns that changed.

    ``decided`` gives the decisions published since it was last asked: campaigns keep their members' verdicts.
    ``analysts`` are the files in which people say what campaigns are; ``escalation`` reads again what is in doubt.
    """

    def __init__(
        self,
        worker: WorkerTable[MessageGroups],
        decided: Callable[[], Sequence[Decision]],
        analysts: AnalystFiles | None,
        state: TextState | None,
        escalation: Escalation | None = None,
    ) -> None:
        self._worker, self._decided, self._analysts, self._escalation = worker, decided, analysts, escalation
        self._segments: Segments = (
            worker.restore(0, state["place"], state["watermark_ms"]) if state else worker.begin(0)
        )
        if analysts is not None:
            self._hear(analysts)

    def on_batch(self, values: list[TextInput]) -> tuple[list[TextSaid], bool]:
        """Answer all that is asked."""
        said: list[TextSaid] = []
        for value in values:
            self._sweep(value.mark)
            if value.messages is None:
                said += self._tell()
            else:
                said += self._answer(value, value.messages)
        return said, StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[TextSaid], bool]:
        """Tell what there is to tell at the end."""
        return [*self._tell()], StatefulBatchLogic.RETAIN

    def snapshot(self) -> TextState:
        """Write what changed."""
        self._worker.write()
        if self._escalation is not None:
            metrics.record_escalation(*self._escalation.counted())
        return {"watermark_ms": self._worker.watermark.value_ms, "place": self._segments.ended()}

    def _answer(self, value: TextInput, messages: Messages) -> list[TextSaid]:
        grouped = self._worker.table.process(messages)
        self._worker.write_early(len(messages.ts))
        answer = TextAnswer(value.mark.source, value.number, grouped)
        if self._escalation is None or value.event_ids is None or value.likeness is None:
            return [answer]
        found = self._escalation.process(value.event_ids, messages, value.likeness, grouped, time.monotonic())
        answer = replace(answer, likeness=found.likeness)
        return [answer] if found.recognised.is_empty() else [answer, Recognised(found.recognised)]

    def _tell(self) -> list[CampaignsTold]:
        campaigns, decisions = self._worker.table.campaigns, self._decided()
        if decisions:
            accounts = keys(pl.Series([decision.account_id for decision in decisions], dtype=pl.String))
            campaigns.tell_verdicts(accounts, np.array([Verdict[d.verdict.upper()] for d in decisions], np.int8))
        if self._analysts is not None:
            self._hear(self._analysts)
        changed = campaigns.updated()
        return [CampaignsTold(changed)] if changed else []

    def _hear(self, analysts: AnalystFiles) -> None:
        """Take in what analysts say, and tell them what was learned."""
        campaigns = self._worker.table.campaigns
        if learned := campaigns.learned():
            analysts.learn(learned)
        try:
            said = analysts.changed()
        except UsageError as error:
            _log.warning("%s; what was said before still counts", error)
            return
        if said is not None:
            campaigns.set_allowed(said.allowed)
            campaigns.tell_labels(said.labels)

    def _sweep(self, mark: Mark) -> None:
        # One event from a clock that is ahead moves the watermark; it must not sweep away what is in use today.
        past_ms = min(self._worker.watermark.observe(mark), int(time.time() * 1000))
        self._worker.table.sweep(past_ms - _KEPT_MS, _SWEPT_AN_INPUT)
