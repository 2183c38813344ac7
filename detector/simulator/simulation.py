"""A simulation: events as lines in the order they arrive, and the truth about every account that acted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

import msgspec

from detector.simulator import daily
from detector.simulator.accounts import HOUR_MS, Account
from detector.simulator.arrivals import Delivery, Happening, SimEvent
from detector.simulator.draws import Draws
from detector.simulator.population import Population
from detector.simulator.scenario import Scenario
from detector.simulator.world import World

_LABEL_LAG_HOURS: Final = (6.0, 0.9)


class SimLabel(msgspec.Struct, frozen=True):
    """The truth about an account; the campaign is empty for people."""

    account_id: str
    label: str
    family: str
    labelled_at_ms: int
    source: str
    campaign: str
    bot_from_ms: int = 0
    """When a bot that passed for a person until then shows what it is; 0 for all others. No file of labels has it."""


@dataclass(slots=True)
class Simulation:
    """Yields lines one at a time, never all at once; ``labels`` grows as accounts first appear in them."""

    scenario: Scenario
    seed: int
    events: int | None = None
    labels: list[SimLabel] = field(default_factory=list)
    lines: int = 0
    last_ms: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"a seed is a whole number of 0 or more, got {self.seed}")

    @property
    def wanted(self) -> int:
        """The most lines there will be."""
        return self.scenario.events if self.events is None else self.events

    def __iter__(self) -> Iterator[SimEvent]:
        """Yield the lines; a second iteration yields the same lines again."""
        self.labels.clear()
        self.lines, self.last_ms = 0, 0
        wanted = self.wanted
        lags = Draws(self.seed, 3)
        arrivals = Delivery(self.scenario, Draws(self.seed, 2)).deliver(self._happenings(wanted))
        for account, event in arrivals:
            if self.lines == wanted:
                return
            self.lines += 1
            self.last_ms = max(self.last_ms, event.ts_ms)
            if not account.labelled:
                account.labelled = True
                self.labels.append(_label(account, event.arrival_ms, lags))
            yield event

    def _happenings(self, wanted: int) -> Iterator[Happening]:
        draws = Draws(self.seed, 1)
        population = Population(self.scenario, draws, self.seed, self.scenario.accounts_for(wanted))
        world = World(population, draws, event_prefix=f"e{self.seed:x}-")
        happenings = world.events_from(self.scenario.start_ms, daily.session, daily.signup)
        if not self.scenario.hours:
            return happenings
        end_ms = self.scenario.start_ms + int(self.scenario.hours * HOUR_MS)
        return takewhile(lambda happening: happening[0] < end_ms, happenings)


def simulate(scenario: Scenario, seed: int, events: int | None = None) -> Iterator[SimEvent]:
    """Yield the lines of a simulation: the same bytes for the same scenario, seed and number of events."""
    return iter(Simulation(scenario, seed, events))


def _label(account: Account, seen_ms: int, draws: Draws) -> SimLabel:
    return SimLabel(
        account_id=account.account_id,
        label="bot" if account.bot else "human",
        family=account.family,
        labelled_at_ms=max(seen_ms, account.bot_from_ms) + int(draws.lognormal(*_LABEL_LAG_HOURS) * HOUR_MS),
        source="import",
        campaign=account.campaign_id,
        bot_from_ms=account.bot_from_ms,
    )
