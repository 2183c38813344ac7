"""The features of accounts by recounting everything that ever happened to them, each time: slow and obvious."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from detector.contract.events import EVENT_TYPES
from features import columns as c
from features.aggregates import DAY_MS, SeenAccount, SeenEvent
from features.columns import derive
from features.places import ACTIONS, GAP_MS_MAX, PAIR_MS, SESSION_MS
from features.plan import compile_plan
from features.sharing import KINDS
from features.vocabulary import LATEST

if TYPE_CHECKING:
    import polars as pl

    from features.views import Catalogue

TYPES = list(EVENT_TYPES)
SORTS = {name: sort for sort, names in ACTIONS for name in names}
SPOKEN = {"message", "message_received"}


@dataclass
class Held:
    """One event in one account's history; ``sent`` says whether it acted or was the target."""

    ts: int
    event: int
    other: int
    sent: bool
    type: str
    holds: frozenset[str]
    keys: dict[str, int]
    numbers: dict[str, int]
    says: dict[str, tuple[int, ...]]

    @property
    def pairs(self) -> bool:
        return self.type in ("message", "match")


@dataclass
class History:
    """All that was accepted of one account."""

    events: list[Held] = field(default_factory=list)

    def newest(self) -> int | None:
        return max((e.ts for e in self.events if e.sent), default=None)

    def latest(self) -> int | None:
        return max((e.ts for e in self.events), default=None)

    def add(self, event: Held) -> None:
        self.events.append(event)
        self.events.sort(key=lambda e: (e.ts, e.event))


class Reference:
    """Like `AccountFeatures`, without entities that accounts share."""

    def __init__(self, catalogue: Catalogue, hold_ms: int) -> None:
        self.catalogue, self.hold_ms, self.plan = catalogue, hold_ms, compile_plan(catalogue)
        self.histories: dict[int, History] = defaultdict(History)

    def process(self, events: pl.DataFrame) -> tuple[list[str], np.ndarray]:
        """Return outcomes and vectors of a batch."""
        columns = derive(events, self.plan.predicates, self.plan.needs)
        outcomes, vectors = [], np.full((len(events), len(self.catalogue.names)), np.nan)
        for row in range(len(events)):
            words = columns.words[row].tolist()
            history = self.histories[words[c.ACCOUNT]]
            outcomes.append(self._send(history, self._held(columns, row, sent=True)))
            if outcomes[-1] == "processed":
                vectors[row] = self.vector(history)
            if words[c.RECEIVED]:
                self._receive(self.histories[words[c.TARGET]], self._held(columns, row, sent=False))
        return outcomes, vectors

    def _send(self, history: History, event: Held) -> str:
        newest = history.newest()
        if newest is not None and event.ts < newest - self.hold_ms:
            return "late"
        if self._is_held(history, event):
            return "duplicate"
        history.add(event)
        return "processed"

    def _receive(self, history: History, event: Held) -> None:
        latest = history.latest()
        if (latest is None or event.ts >= latest - self.hold_ms) and not self._is_held(history, event):
            history.add(event)

    def _is_held(self, history: History, event: Held) -> bool:
        latest = history.latest()
        return any(e.event == event.event and e.ts >= latest - self.hold_ms for e in history.events)

    def _held(self, columns: c.EventColumns, row: int, *, sent: bool) -> Held:
        words, halves = columns.words[row].tolist(), columns.halves[row].tolist()
        bits = words[c.SENT if sent else c.RECEIVED] & (2**64 - 1)
        other = words[c.TARGET if sent else c.ACCOUNT]
        keys = {"other": other, "text": halves[c.TEXT], "shape": halves[c.SHAPE], "domain": halves[c.DOMAIN]}
        said = {name: tuple(halves[first : first + width]) for name, (first, width) in LATEST.items()}
        return Held(
            ts=words[c.TS],
            event=words[c.EVENT] & (2**64 - 1),
            other=other,
            sent=sent,
            type=TYPES[halves[c.TYPE]],
            holds=frozenset(n for b, n in enumerate(self.plan.predicates) if bits >> b & 1),
            keys={name: key for name, key in keys.items() if key},
            numbers={"text_length": halves[c.LENGTH]},
            says={n: v for n, v in said.items() if sent and v[0] >= 0 and n not in KINDS},
        )

    def vector(self, history: History) -> list[float]:
        """Return every feature as it stands."""
        account = seen(history, self.hold_ms)
        row = []
        for feature in self.catalogue.features:
            value = feature.aggregate.reference(account, feature.window_ms or 0)
            row.append(feature.empty if np.isnan(value) else value)
        return row


def seen(history: History, hold_ms: int) -> SeenAccount:
    """Say of every event what its place among the others is."""
    placed, own, before, spoken = [], None, {}, defaultdict(list)
    for event in history.events:
        holds, numbers, bigram = set(event.holds), dict(event.numbers), None
        if event.sent:
            if own is not None and "gap_ms" in before:
                numbers["gap_before_ms"] = before["gap_ms"]
            holds |= {"event"} | ({"signup"} if event.type == "signup" else set())
            holds |= order_facts(event, own, numbers)
            bigram = (SORTS[own.type], SORTS[event.type]) if own is not None else None
            own, before = event, numbers
        if event.pairs and event.other:
            holds |= pair_facts(event, spoken[event.other], numbers)
            spoken[event.other].append(replace(event, holds=frozenset(holds)))
        placed.append(SeenEvent(event.ts, frozenset(holds), event.keys, numbers, bigram))
    said: dict[str, tuple[int, tuple[int, ...]]] = {}
    for event in history.events:
        for name, value in event.says.items():
            said[name] = max(said.get(name, (event.ts, value)), (event.ts, value))
    newest, latest = history.newest(), history.latest()
    assert newest is not None
    assert latest is not None
    return SeenAccount(placed, newest, latest, latest - hold_ms, {name: value for name, (_, value) in said.items()})


def order_facts(event: Held, before: Held | None, numbers: dict[str, int]) -> set[str]:
    """Compare an event with the account's own one before it."""
    if before is None:
        return {"session_start", "day_start"}
    gap = numbers["gap_ms"] = min(event.ts - before.ts, GAP_MS_MAX)
    numbers["gap_doublings"] = round(1024 * math.log2(max(gap, 1) / 1000))
    facts = {"has_gap", "session_start" if gap >= SESSION_MS else "within_session"}
    facts |= {"day_start"} if event.ts // DAY_MS != before.ts // DAY_MS else set()
    if "gap_before_ms" in numbers:
        like = 10 * abs(gap - numbers["gap_before_ms"]) <= numbers["gap_before_ms"]
        facts |= {"has_two_gaps", *(["gap_like_before"] if like else [])}
    return facts | {f"gap_below_{s}s" for s in (1, 2, 5) if gap < 1000 * s}


def pair_facts(event: Held, before: list[Held], numbers: dict[str, int]) -> set[str]:
    """Compare an event with those before it in its conversation, back to the last silence of PAIR_MS."""
    talk: list[Held] = []
    later = event.ts
    for e in reversed(before):
        if later - e.ts > PAIR_MS:
            break
        talk.insert(0, e)
        later = e.ts
    said = [e for e in talk if e.type == "message"]
    numbers["pair_index"] = len(said)
    last = talk[-1] if talk else None
    numbers["pair_gap_ms"] = event.ts - last.ts if last else -1
    if event.type != "message":
        return set()
    by_other, by_own = [e for e in said if not e.sent], [e for e in said if e.sent]
    if not event.sent:
        facts = {"opened_by_other": not said, "answer_received": last in by_own}
        facts["first_answer"] = bool(by_own) and not by_other
    else:
        facts = {"opened": not said, "unanswered": not by_other, "answer": last in by_other}
        facts["after_match"] = last is not None and last.type == "match" and not said
        leaves = [e for e in by_own if e.holds & {"link", "contact"}]
        facts["first_contact"] = bool(event.holds & {"link", "contact"}) and not leaves
    return {name for name, holds in facts.items() if holds}
