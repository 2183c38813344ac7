"""Evasions: what the runners of a campaign do so that its accounts go unnoticed, one by one or combined.

Each changes the accounts of any family as they are made. ``care`` says how far it is taken, from 0 (not at all) to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from detector.contract.errors import UsageError
from detector.simulator import identity, people
from detector.simulator.accounts import HOUR_MS, Account, Guise, Spread
from detector.simulator.draws import Draws
from detector.simulator.scripts import ScriptedVoice
from detector.simulator.wording import Wording

ALL: Final = "all"
"""Stands for every evasion at once."""


@dataclass(frozen=True, slots=True)
class Evasion:
    """A way not to be noticed."""

    name: str
    does: str
    apply: Callable[[Account, float, Draws, int], None]
    """Takes the account, the care, the source of randomness, and the time of the account's birth."""


def disguise(account: Account, names: tuple[str, ...], care: float, draws: Draws, now_ms: int) -> None:
    """Apply evasions to a bot, whatever the order in which they are named."""
    if care == 0:
        return
    for evasion in EVASIONS:
        if evasion.name in names:
            evasion.apply(account, care, draws, now_ms)


def named_evasions(listed: str) -> tuple[str, ...]:
    """Read evasions named with commas between them, or ``all``; UsageError for an unknown one."""
    names = names_in(listed)
    if ALL in names:
        return NAMES
    check_evasions(names)
    return names


def names_in(listed: str) -> tuple[str, ...]:
    """Part names at their commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))


def check_evasions(names: tuple[str, ...]) -> None:
    """Refuse names that no evasion has."""
    unknown = [str(name) for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"unknown evasions {', '.join(unknown)}; known: {', '.join(NAMES)}")


def _jitter(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    del draws, now_ms
    rhythm = account.rhythm
    gap, reply, opening = (_uneven(span, care) for span in (rhythm.gap, rhythm.reply, rhythm.opening))
    account.rhythm = replace(rhythm, gap=gap, reply=reply, opening=opening)


def _uneven(span: Spread, care: float) -> Spread:
    median = (span.first + span.second) / 2 if span.even else span.first
    return Spread(median, 0.2 + 0.9 * care)


def _slow_drip(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    del draws, now_ms
    rhythm = account.rhythm
    account.rhythm = replace(
        rhythm,
        sessions_per_day=rhythm.sessions_per_day / (1 + 2 * care),
        actions=rhythm.actions / (1 + 2 * care),
        gap=_longer(rhythm.gap, 1 + 4 * care),
        opening=_longer(rhythm.opening, 1 + 4 * care),
    )


def _longer(span: Spread, times: float) -> Spread:
    return replace(span, first=span.first * times, second=span.second * (times if span.even else 1))


def _human_hours(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    del now_ms
    own = people.personal_rhythm(draws, "normal")
    account.rhythm = replace(
        account.rhythm, sleep_start_ms=own.sleep_start_ms, sleep_ms=int(care * own.sleep_ms), even=False
    )


def _paraphrase(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    del now_ms
    if isinstance(account.voice, ScriptedVoice):
        wording = Wording(care, lower=draws.chance(0.5), emoji=care * draws.between(0.0, 0.4))
        account.voice = replace(account.voice, wording=wording)


def _rotate(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    del now_ms
    access, several = account.access, range(1 + round(3 * care))
    ips = tuple(identity.home_ip(draws) if draws.chance(care) else draws.pick(access.ips) for _ in several)
    devices = tuple(identity.device(draws) if draws.chance(care) else access.device_id for _ in several)
    account.access = replace(access, ips=ips, devices=devices)


def _age(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    person = people.person(draws, account.account_id, "normal", now_ms)
    guise = Guise(person.rhythm, person.tastes, person.voice, account.access)
    _hide(account, guise, now_ms, now_ms + int(care * draws.between(4, 12) * HOUR_MS))


def _take_over(account: Account, care: float, draws: Draws, now_ms: int) -> None:
    if not draws.chance(care):
        return
    person = people.person(draws, account.account_id, "normal", now_ms)
    account.name, account.age, account.gender, account.photos = person.name, person.age, person.gender, person.photos
    guise = Guise(person.rhythm, person.tastes, person.voice, person.access)
    _hide(account, guise, now_ms, now_ms + int(draws.between(8, 16) * HOUR_MS))


def _hide(account: Account, guise: Guise, now_ms: int, until_ms: int) -> None:
    """Let an account that has long been there pass for something else at first; as a bot it lives as long as ever."""
    if account.later is None:
        account.later = Guise(account.rhythm, account.tastes, account.voice, account.access, account.favourites)
    account.leaves_ms += until_ms - (account.bot_from_ms or now_ms)
    account.aged, account.bot_from_ms = True, until_ms
    account.wear(guise)


EVASIONS: Final = (
    Evasion("jitter", "spreads its gaps and answers as unevenly as people's", _jitter),
    Evasion("slow_drip", "acts in fewer and shorter sessions, with longer gaps", _slow_drip),
    Evasion("human_hours", "sleeps at night, and comes online when people do", _human_hours),
    Evasion("paraphrase", "says the same in other words, with small talk around it", _paraphrase),
    Evasion("rotate", "uses devices and addresses of its own, and changes them", _rotate),
    Evasion("aged", "signed up long ago, and lives as a person for some hours first", _age),
    Evasion("takeover", "is a person's account, taken over half way", _take_over),
)
"""Every evasion, in the order in which they are applied."""

NAMES: Final = tuple(evasion.name for evasion in EVASIONS)
