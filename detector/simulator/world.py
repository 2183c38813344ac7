"""The world: a queue of who does what next; events come out in the order of their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

import msgspec

from detector.simulator.accounts import DAY_MS, HOUR_MS, Account
from detector.simulator.arrivals import Happening
from detector.simulator.conversations import Conversation
from detector.simulator.draws import Draws
from detector.simulator.population import Population

Step = Callable[["World", Account, int, Conversation | None], None]
"""Something an account does at a time, in a conversation or outside one."""

_SIGNUP_SPAN_MS: Final = 22 * HOUR_MS


@dataclass(slots=True, eq=False)
class World:
    """Everything that is going on."""

    population: Population
    draws: Draws
    event_prefix: str
    queue: list[tuple[int, int, Step, Account, Conversation | None]] = field(default_factory=list)
    happened: list[Happening] = field(default_factory=list)
    planned: int = 0
    events: int = 0
    conversations: int = 0
    encode: Any = field(default_factory=lambda: msgspec.json.Encoder().encode)

    def events_from(self, start_ms: int, session: Step, signup: Step) -> Iterator[Happening]:
        """Live on from a start, without end."""
        self._populate(start_ms, session, signup)
        happened, queue = self.happened, self.queue
        while queue:
            now_ms, _, step, account, conversation = heappop(queue)
            step(self, account, now_ms, conversation)
            if happened:
                yield from happened
                happened.clear()

    def plan(self, due_ms: float, step: Step, who: Account, conversation: Conversation | None = None) -> None:
        """Let an account do something later."""
        self.planned += 1
        heappush(self.queue, (int(due_ms), self.planned, step, who, conversation))

    def emit(self, now_ms: int, account: Account, event_type: str, details: dict[str, object]) -> None:
        """Let an event happen."""
        self.events += 1
        event = {
            "event_id": f"{self.event_prefix}{self.events:x}",
            "type": event_type,
            "account_id": account.account_id,
            "ts": now_ms,
            **details,
        }
        self.happened.append((now_ms, account, self.encode(event)))

    def _populate(self, start_ms: int, session: Step, signup: Step) -> None:
        scenario, draws = self.population.scenario, self.draws
        for bot, family in self.population.kinds():
            account = self.population.birth(bot, family, start_ms)
            if draws.chance(0.0 if account.aged else scenario.new_bots if bot else scenario.newcomers):
                due_ms = start_ms + draws.uniform() * _SIGNUP_SPAN_MS
                account.delay(due_ms - start_ms)
                self.plan(due_ms, signup, account)
            else:
                self.population.join(account)
                account.leaves_ms -= draws.uniform() * 0.6 * (account.leaves_ms - max(start_ms, account.bot_from_ms))
                self.plan(start_ms + min(draws.uniform() * account.rhythm.pause(draws), DAY_MS), session, account)
