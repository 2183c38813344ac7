"""The population: who is alive, who comes, and which campaign a new bot belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from detector.simulator import campaigns, people
from detector.simulator.accounts import Account
from detector.simulator.campaigns import Campaign
from detector.simulator.draws import Draws
from detector.simulator.evasions import disguise
from detector.simulator.scenario import Scenario

AUTHORS_HELD: Final = 400
_ID_BITS: Final = 40
_ID_STEP: Final = 0x9E3779B97F  # odd, so that every number gives another id, in no visible order


@dataclass(slots=True, eq=False)
class Population:
    """Accounts alive, so that any can be met; those gone are forgotten."""

    scenario: Scenario
    draws: Draws
    seed: int
    accounts: int
    alive: list[Account] = field(default_factory=list)
    authors: deque[Account] = field(default_factory=lambda: deque(maxlen=AUTHORS_HELD))
    recruiting: dict[str, Campaign] = field(default_factory=dict)
    born: int = 0
    campaigns_started: int = 0

    def kinds(self) -> list[tuple[bool, str]]:
        """List what is alive at the start: for each account whether it is a bot, and its family."""
        bots = max(1, round(self.accounts * self.scenario.bots)) if self.scenario.bots else 0
        wanted = [
            *((True, name) for name in _apportioned(self.scenario.bot_families, bots)),
            *((False, name) for name in _apportioned(self.scenario.humans, self.accounts - bots)),
        ]
        for index in range(len(wanted) - 1, 0, -1):
            other = int(self.draws.uniform() * (index + 1))
            wanted[index], wanted[other] = wanted[other], wanted[index]
        return wanted

    def birth(self, bot: bool, family: str, now_ms: int) -> Account:
        """Draw an account; it is alive once it joins."""
        self.born += 1
        account_id = f"u{(self.born * _ID_STEP + self.seed * 0x51ED270B1) % (1 << _ID_BITS):010x}"
        if bot:
            shared = self._campaign(family)
            careful = self.draws.chance(self.scenario.careful)
            account = campaigns.bot(self.draws, shared, account_id, now_ms, careful)
            disguise(account, self.scenario.evasions, self.scenario.care, self.draws, now_ms)
            return account
        return people.person(self.draws, account_id, family, now_ms)

    def join(self, account: Account) -> None:
        """Let others meet an account."""
        account.position = len(self.alive)
        self.alive.append(account)

    def leave(self, account: Account) -> None:
        """Remove an account; the last one takes its place in the list."""
        last = self.alive.pop()
        if last is not account:
            self.alive[account.position] = last
            last.position = account.position
        account.position = -1

    def anyone(self) -> Account:
        """Pick one of those alive."""
        return self.draws.pick(self.alive)

    def author(self) -> Account:
        """Pick who wrote something lately, or anyone."""
        if not self.authors:
            return self.anyone()
        author = self.authors[int(self.draws.uniform() * len(self.authors))]
        return author if author.position >= 0 else self.anyone()

    def _campaign(self, family: str) -> Campaign:
        shared = self.recruiting.get(family)
        if shared is None or shared.places_left == 0:
            self.campaigns_started += 1
            campaign_id = f"c{self.campaigns_started:04d}"
            shared = campaigns.campaign(self.draws, campaign_id, family, self.scenario.campaign_accounts)
            if family == "like_farm" and self.alive:
                shared.customers = tuple(self.anyone() for _ in range(5))
            self.recruiting[family] = shared
        shared.places_left -= 1
        return shared


def _apportioned(weights: Mapping[str, float], total: int) -> list[str]:
    scale = total / sum(weights.values())
    names: list[str] = []
    owed = 0.0
    for name, weight in weights.items():
        owed += weight * scale
        names += [name] * (round(owed) - len(names))
    return names
