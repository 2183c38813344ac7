"""Arrivals: what happened, as a consumer gets to see it: mostly at once, a little late, twice, or broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec

from detector.simulator.accounts import MINUTE_MS, SECOND_MS, Account
from detector.simulator.draws import Draws
from detector.simulator.scenario import Scenario


class SimEvent(msgspec.Struct, frozen=True, gc=False):
    """One line as it arrives: its key and value, when it happened and when it arrives (epoch milliseconds)."""

    key: bytes
    value: bytes
    ts_ms: int
    arrival_ms: int


Happening = tuple[int, Account, bytes]
"""An event's time, who acted, and the event as JSON."""


@dataclass(slots=True)
class Delivery:
    """Turns events in the order they happened into lines in the order they arrive."""

    scenario: Scenario
    draws: Draws
    held: list[tuple[int, int, Account, SimEvent]] = field(default_factory=list)
    count: int = 0

    def deliver(self, happenings: Iterable[Happening]) -> Iterator[tuple[Account, SimEvent]]:
        """Yield lines in the order of their arrival."""
        offline, late = self.scenario.offline, self.scenario.offline + self.scenario.late
        again, broken = self.scenario.duplicates, self.scenario.duplicates + self.scenario.malformed
        uniform, held = self.draws.uniform, self.held
        for ts_ms, account, value in happenings:
            while held and held[0][0] <= ts_ms:
                _, _, who, event = heappop(held)
                yield who, event
            arrival_ms = ts_ms
            luck = uniform()
            if account.offline_until_ms > ts_ms:
                arrival_ms = account.offline_until_ms
            elif luck < late:
                arrival_ms += self._delay(account, ts_ms, luck < offline)
            event = SimEvent(account.account_id.encode(), value, ts_ms, arrival_ms)
            if arrival_ms > ts_ms:
                self._hold(account, event)
            else:
                yield account, event
            luck = uniform()
            if luck < again:
                self._redeliver(account, event)
            elif luck < broken:
                self._hold(account, SimEvent(event.key, broken_copy(value, self.draws), ts_ms, arrival_ms))
        while held:
            _, _, who, event = heappop(held)
            yield who, event

    def _delay(self, account: Account, ts_ms: int, offline: bool) -> int:
        if not offline:
            return 1 + int(self.draws.uniform() * self.scenario.late_seconds * SECOND_MS)
        span_ms = 1 + int(self.draws.uniform() * self.scenario.offline_minutes * MINUTE_MS)
        account.offline_until_ms = ts_ms + span_ms
        return span_ms

    def _redeliver(self, account: Account, event: SimEvent) -> None:
        again_ms = event.arrival_ms + 1 + int(self.draws.uniform() * 30 * SECOND_MS)
        self._hold(account, SimEvent(event.key, event.value, event.ts_ms, again_ms))

    def _hold(self, account: Account, event: SimEvent) -> None:
        self.count += 1
        heappush(self.held, (event.arrival_ms, self.count, account, event))


def broken_copy(value: bytes, draws: Draws) -> bytes:
    """Break an event in one of the ways lines break: every copy is one dead letter, and still one line."""
    kind = int(draws.uniform() * 6)
    if kind == 0:
        return value[: len(value) // 2]
    if kind == 1:
        return value[:-3] + b'\xff\xfe"}'
    if kind == 2:
        return value.replace(b'"event_id"', b'"event_idd"', 1)
    if kind == 3:
        return value.replace(b'"ts":', b'"ts":"soon","was":', 1)
    if kind == 4:
        return b"[" + value + b"]"
    return value.replace(b'"type":"', b'"type":"un_', 1)
