"""People: the human families, and how each writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from detector.simulator import identity, smalltalk
from detector.simulator.accounts import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Account, Rhythm, Spread, Tastes
from detector.simulator.conversations import Conversation
from detector.simulator.draws import Draws

_DATING: Final = (60, 14, 3, 1.5, 2, 1, 0.9, 0.7, 0.5, 0.12, 0.08)
_SOCIAL: Final = (25, 34, 7, 6, 9, 4, 0.9, 0.7, 0.5, 0.12, 0.08)
_SESSIONS: Final = {"normal": 2.8, "heavy_user": 6.5, "night_shift": 2.8, "copy_paster": 4.0}
_ACTIONS: Final = {"normal": 8.0, "heavy_user": 24.0, "night_shift": 9.0, "copy_paster": 16.0}


@dataclass(frozen=True, slots=True)
class PersonalVoice:
    """How one person writes."""

    lower: bool
    emoji: float
    typos: float
    stock: float
    opener: str
    handle: str
    phone: str

    def message(self, conversation: Conversation, account: Account, draws: Draws) -> str:
        """Write the next message of a conversation."""
        said = conversation.said(account)
        if conversation.turns == 0 or (said == 0 and draws.chance(0.3)):
            return self._opener(draws)
        if conversation.turns > 5 and draws.chance(0.025):
            return smalltalk.contact(draws, self.handle, self.phone)
        if draws.chance(0.008):
            return smalltalk.link(draws)
        text = draws.pick(smalltalk.REPLIES).say(draws)
        if draws.chance(0.3):
            stop = " " if text[-1] in "?!)" else ". "
            text += stop + draws.pick(smalltalk.REPLIES).say(draws)
        return self._styled(text, draws)

    def post(self, draws: Draws) -> str:
        """Write a post or an answer to one."""
        return self._styled(draws.pick(smalltalk.POSTS).say(draws), draws)

    def bio(self, draws: Draws) -> str:
        """Write the profile's text."""
        return self._styled(draws.pick(smalltalk.BIOS).say(draws), draws)

    def _opener(self, draws: Draws) -> str:
        if self.opener:
            return self.opener
        if draws.chance(self.stock):
            return draws.pick(smalltalk.STOCK)
        return self._styled(draws.pick(smalltalk.OPENERS).say(draws), draws)

    def _styled(self, text: str, draws: Draws) -> str:
        return smalltalk.styled(text, draws, self.lower, self.emoji, self.typos)


def personal_voice(draws: Draws, family: str, name: str, phone_prefix: str) -> PersonalVoice:
    """Draw how a person writes; a copy-paster sends everyone the same opener."""
    opener = draws.pick(smalltalk.OPENERS).say(draws) if family == "copy_paster" else ""
    return PersonalVoice(
        lower=draws.chance(0.5),
        emoji=draws.between(0.0, 0.4),
        typos=draws.between(0.0, 0.08),
        stock=draws.between(0.1, 0.7),
        opener=opener,
        handle=identity.handle(draws, name),
        phone=identity.phone(draws, phone_prefix),
    )


def personal_rhythm(draws: Draws, family: str) -> Rhythm:
    """Draw a person's day: sessions with log-normal gaps between two nights of sleep."""
    quick = family == "heavy_user" or draws.chance(0.05)
    bedtime = draws.between(22.0, 25.5) + (draws.between(8.0, 11.0) if family == "night_shift" else 0.0)
    sleep = min(10.5, max(5.0, 7.8 + 0.9 * draws.normal()))
    return Rhythm(
        sessions_per_day=_SESSIONS[family] * draws.lognormal(1.0, 0.5),
        actions=_ACTIONS[family] * draws.lognormal(1.0, 0.4),
        gap=Spread(draws.lognormal(2.5 if quick else 6.0, 0.35) * SECOND_MS, draws.between(0.7, 1.3)),
        reply=Spread(draws.lognormal(25 if quick else 150, 0.7) * SECOND_MS, draws.between(0.7, 1.3)),
        opening=Spread(draws.lognormal(25, 0.8) * MINUTE_MS, 1.4),
        sleep_start_ms=int(bedtime * HOUR_MS) % DAY_MS,
        sleep_ms=int(sleep * HOUR_MS),
    )


def personal_tastes(draws: Draws, family: str) -> Tastes:
    """Draw what a person is here for and how choosy they are."""
    eager = family == "copy_paster"
    weights = _DATING if eager or draws.chance(0.7) else _SOCIAL
    likes = draws.between(0.5, 0.97) if eager else min(0.95, max(0.04, 0.33 + 0.22 * draws.normal()))
    return Tastes(
        weights=tuple(weight * draws.lognormal(1.0, 0.3) for weight in weights),
        likes=likes,
        opens=0.95 if eager else draws.between(0.4, 0.9),
        answers=draws.between(0.8, 0.99),
        keeps_on=draws.between(0.05, 0.2),
        photos=draws.between(0.0, 0.05),
    )


def person(draws: Draws, account_id: str, family: str, now_ms: int) -> Account:
    """Draw a person."""
    name = draws.pick(identity.NAMES)
    access = identity.personal_access(draws)
    return Account(
        account_id=account_id,
        family=family,
        campaign_id="",
        rhythm=personal_rhythm(draws, family),
        tastes=personal_tastes(draws, family),
        voice=personal_voice(draws, family, name, access.phone_prefix),
        access=access,
        name=name,
        age=int(min(70, 18 + abs(draws.normal()) * 11)),
        gender=draws.pick(("f", "m", "f", "m", "f", "m", "x")),
        photos=tuple(identity.photo(draws) for _ in range(1 + draws.bits(2))),
        leaves_ms=now_ms + draws.lognormal(25.0, 1.0) * DAY_MS,
    )
