"""Messages in doubt are read again by a larger encoder, beside the stream, which may know them for rewordings.

In doubt is a text that is somewhat like a known template, or that several accounts sent. What the larger encoder finds
holds for the text's whole group of near duplicates from then on, and the next message of its account carries it. When
that is depends on the clock: nothing of this happens when files are judged, where the same input gives the same output.
"""

from __future__ import annotations

import atexit
import logging
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from detector.campaign_files import templates_file
from detector.contract.errors import UsageError
from detector.escalation_queue import EscalationQueue
from features.text.column import TextColumn
from features.text.fold import normalise
from models.bank import TemplateBank, stamp
from models.encoder.escalation import EscalationEncoder, escalation_available

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from detector.settings import Settings
    from features.messages import Grouped, Messages
    from models.encoder import Encoder

DOUBT_MIN, DOUBT_END = 600, 850
"""Likeness to a known template, in thousandths, from which on and up to where the static encoder leaves doubt."""
SENDERS_MIN: Final = 3
OWED_MAX: Final = 1 << 14
MINILM_SCALE: Final = np.array([(0.0, 0.0), (0.59, 0.7), (0.7, 0.85), (1.0, 1.0)])
"""Cosines of MiniLM, and those of the static encoder that as few messages of chat reach: benchmarks/escalation.py."""
_log = logging.getLogger(__name__)


class Joined(NamedTuple):
    """What is known by now of n messages."""

    likeness: NDArray[np.int32]
    """(n,): likeness to the known template each is most like, in thousandths, where that was found by escalation."""
    recognised: pl.DataFrame
    """Messages, of these or of earlier batches, that were found to be rewordings: rows of the table ``escalations``."""


class _Asked(NamedTuple):
    """A message that is being read again."""

    account_id: str
    sender: int
    ts: int
    likeness: int


class Escalation:
    """Reads again what is in doubt, as far as its budget goes, against the templates in a file."""

    def __init__(self, encoder: Encoder, templates: Path, budget_per_second: float) -> None:
        self._queue = EscalationQueue(encoder, budget_per_second)
        self._templates = _Templates(templates, encoder)
        self._asked: dict[str, _Asked] = {}
        self._owed: dict[int, int] = {}
        self._read, self._told = 0, (0, 0)

    @classmethod
    def load(cls, settings: Settings) -> Escalation | None:
        """Start it; None, and the reason in the log, where no larger encoder was built or its packages are missing."""
        reason = escalation_available(settings.escalation_dir)
        if reason is not None:
            _log.info("no message is escalated: %s", reason)
            return None
        encoder = EscalationEncoder.load(settings.escalation_dir)
        escalation = cls(encoder, templates_file(settings), settings.escalations_per_second)
        atexit.register(escalation.close)  # before the interpreter takes itself apart under the thread
        return escalation

    def counted(self) -> tuple[int, int]:
        """Say how many messages were read again and how many found no room in the budget, since last asked."""
        now = self._read, self._queue.passed_over
        since = now[0] - self._told[0], now[1] - self._told[1]
        self._told = now
        return since

    @property
    def templates(self) -> int:
        """Return how many known templates messages are compared with; they are read beside the stream too."""
        return len(self._templates.bank)

    def process(
        self,
        event_ids: pl.Series,
        messages: Messages,
        likeness: NDArray[np.int32],
        grouped: Grouped,
        now_seconds: float,
    ) -> Joined:
        """Ask about the messages in doubt, and say what is known by now; it never waits.

        ``likeness`` to known templates is what the static encoder says, in thousandths. ``now_seconds`` is a clock that
        only rises.
        """
        self._templates.renew()
        found = self._due(messages.senders)
        if self.templates:
            self._ask(event_ids, messages, likeness, grouped, now_seconds)
        rows = {event_id: row for row, event_id in enumerate(event_ids)} if self._asked else {}
        return Joined(found, self._join(rows, found))

    def close(self) -> None:
        """Stop reading."""
        self._queue.close()

    def _due(self, senders: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Give each account's next message what was found of an earlier one."""
        found = np.zeros(len(senders), np.int32)
        if self._owed:
            for row, sender in enumerate(senders.tolist()):
                found[row] = self._owed.pop(sender, 0)
        return found

    def _ask(
        self,
        event_ids: pl.Series,
        messages: Messages,
        likeness: NDArray[np.int32],
        grouped: Grouped,
        now_seconds: float,
    ) -> None:
        doubtful = (likeness >= DOUBT_MIN) & (likeness < DOUBT_END)
        copied = (grouped.senders >= SENDERS_MIN) & (likeness < DOUBT_END)
        rows = np.concatenate([np.flatnonzero(doubtful), np.flatnonzero(copied & ~doubtful)])  # the budget may end
        if not len(rows):
            return
        folded = normalise(TextColumn.at(messages.texts.series(), rows)).folded
        ids = event_ids.gather(rows).to_list()
        taken = self._queue.offer(ids, grouped.leaders[rows], folded, now_seconds)
        accounts = messages.account_ids.gather(rows).to_list()
        columns = (messages.senders, messages.ts, likeness)
        asked = zip(ids, accounts, *(column[rows].tolist() for column in columns), strict=True)
        self._asked |= {
            event_id: _Asked(*values) for (event_id, *values), is_taken in zip(asked, taken, strict=True) if is_taken
        }

    def _join(self, rows: dict[str, int], found: NDArray[np.int32]) -> pl.DataFrame:
        """Put what is ready where it belongs: to a message of this batch, or to the next one of its account."""
        ready, bank, told = self._queue.take(), self._templates.bank, []  # the bank may be another one at any time
        self._read += len(ready.event_ids)
        cosines, which = bank.nearest(ready.vectors)
        scaled = np.interp(cosines, *MINILM_SCALE.T)
        for event_id, similarity, template in zip(ready.event_ids, scaled.tolist(), which.tolist(), strict=True):
            asked = self._asked.pop(event_id, None)  # an event that came twice is joined once
            known, thousandths = template >= 0, int(1000 * similarity)
            if asked is None or not known or thousandths <= max(asked.likeness, DOUBT_MIN):
                continue
            if event_id in rows:
                found[rows[event_id]] = max(found[rows[event_id]], thousandths)
            else:
                self._owe(asked.sender, thousandths)
            of = bank.templates[template]
            told.append((event_id, asked.account_id, asked.ts, similarity, of.template_id, of.campaign_id))
        return pl.DataFrame(told, schema=_RECOGNISED, orient="row")

    def _owe(self, sender: int, likeness: int) -> None:
        self._owed[sender] = max(likeness, self._owed.pop(sender, 0))
        if len(self._owed) > OWED_MAX:
            del self._owed[next(iter(self._owed))]


_RECOGNISED: Final = {
    "event_id": pl.String,
    "account_id": pl.String,
    "ts": pl.Int64,
    "similarity": pl.Float64,
    "template_id": pl.String,
    "campaign_id": pl.String,
}


class _Templates:
    """A bank with another encoder's vectors: when its file changes they are made anew, in a thread of their own."""

    def __init__(self, path: Path, encoder: Encoder) -> None:
        self.bank = TemplateBank(encoder)
        self._path, self._encoder = path, encoder
        self._stamp: tuple[int, int, int] | None = None
        self._reading: threading.Thread | None = None

    def renew(self) -> None:
        """Begin to read the file if it is another one than was read last."""
        busy = self._reading is not None and self._reading.is_alive()
        if not busy and (now := stamp(self._path)) != self._stamp:
            self._stamp = now
            self._reading = threading.Thread(target=self._read, name="templates", daemon=True)
            self._reading.start()

    def _read(self) -> None:
        try:
            self.bank = TemplateBank.load(self._path, self._encoder)
        except UsageError as error:
            _log.warning("%s; the templates read before stay in use for what is escalated", error)
