"""Campaigns: bots run together, sharing a rhythm, texts, addresses, devices and photos."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from detector.simulator import identity, people
from detector.simulator.accounts import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Account, Rhythm, Spread, Tastes
from detector.simulator.draws import Draws
from detector.simulator.scripts import ScriptedVoice, scripted_voice

_TASTES: Final = {
    #                         swipe like follow post reply share profile photo purchase report block
    "link_spammer": Tastes((60, 8, 4, 6, 14, 2, 0.5, 0.4, 0.02, 0, 0), 0.94, 1.0, 0.9, 0.3),
    "romance_script": Tastes((60, 6, 2, 1, 1, 0, 0.5, 0.4, 0.1, 0, 0), 0.82, 0.95, 0.97, 0.1),
    "crypto_pitch": Tastes((40, 10, 10, 8, 6, 3, 0.5, 0.3, 0.1, 0, 0), 0.8, 0.9, 0.97, 0.12),
    "swipe_farm": Tastes((97, 1, 0.5, 0, 0, 0, 0.2, 0.2, 0.05, 0, 0), 0.975, 0.0, 0.0, 0.0),
    "like_farm": Tastes((2, 62, 30, 0.5, 0, 4, 0.2, 0.2, 0, 0, 0), 0.9, 0.0, 0.05, 0.0),
}
_BURSTS: Final = {
    #                 sessions a day, actions in one, seconds between them
    "link_spammer": (5.0, 28.0, 12.0),
    "romance_script": (6.0, 14.0, 16.0),
    "crypto_pitch": (6.0, 14.0, 14.0),
    "swipe_farm": (5.0, 70.0, 3.0),
    "like_farm": (6.0, 45.0, 4.0),
}


@dataclass(slots=True, eq=False)
class Campaign:
    """What the bots of a campaign share."""

    campaign_id: str
    family: str
    rhythm: Rhythm
    voice: ScriptedVoice
    ips: tuple[str, ...]
    devices: tuple[str, ...]
    photos: tuple[str, ...]
    country: identity.Country
    names: tuple[str, ...]
    life: Spread
    places_left: int
    customers: tuple[Account, ...] = field(default=())


def campaign(draws: Draws, campaign_id: str, family: str, accounts: int) -> Campaign:
    """Draw a campaign: how fast, round the clock or in shifts, from where, with which texts."""
    size = max(2, round(draws.lognormal(accounts, 0.5)))
    country = draws.pick(identity.COUNTRIES)
    persona = draws.pick(identity.NAMES)
    contacts = {
        "link": _bait(draws, campaign_id),
        "handle": identity.handle(draws, persona),
        "phone": identity.phone(draws, country.phone_prefix),
        "city": draws.pick(("Houston", "Miami", "London", "Zurich", "Singapore", "Dubai", "Rotterdam")),
        "persona": persona,
    }
    return Campaign(
        campaign_id=campaign_id,
        family=family,
        rhythm=_machine_rhythm(draws, family),
        voice=scripted_voice(draws, family, **contacts),
        ips=tuple(identity.hosting_ip(draws) if draws.chance(0.6) else identity.home_ip(draws)
                  for _ in range(max(2, size // 3))),
        devices=tuple(identity.device(draws) for _ in range(max(1, size // 4))),
        photos=tuple(identity.photo(draws) for _ in range(max(3, size // 2))),
        country=country,
        names=tuple(draws.pick(identity.NAMES) for _ in range(max(2, size // 3))),
        life=Spread(draws.lognormal(30, 0.6) * HOUR_MS, 0.7),
        places_left=size,
    )  # fmt: skip


def bot(draws: Draws, shared: Campaign, account_id: str, now_ms: int, careful: bool) -> Account:
    """Draw one account of a campaign; a careful one takes a person's hours and rhythm."""
    tastes = _TASTES[shared.family]
    rhythm = shared.rhythm
    if careful:
        rhythm = replace(people.personal_rhythm(draws, "normal"), opening=Spread(8 * MINUTE_MS, 1.0))
        tastes = replace(tastes, likes=draws.between(0.35, 0.8), opens=tastes.opens * 0.8, keeps_on=0.08)
        if shared.family in {"swipe_farm", "like_farm"}:
            rhythm = replace(rhythm, actions=20.0, sessions_per_day=6.0)
    return Account(
        account_id=account_id,
        family=shared.family,
        campaign_id=shared.campaign_id,
        rhythm=rhythm,
        tastes=replace(tastes, weights=tuple(w * draws.lognormal(1.0, 0.25) for w in tastes.weights)),
        voice=shared.voice,
        access=identity.farmed_access(draws, shared.ips, shared.devices, shared.country),
        name=draws.pick(shared.names),
        age=int(draws.between(21, 42)),
        gender="f" if draws.chance(0.7) else "m",
        photos=tuple(identity.retouched(draws.pick(shared.photos), draws) for _ in range(1 + draws.bits(1))),
        leaves_ms=now_ms + shared.life.draw(draws) * (3.0 if careful else 1.0),
        favourites=shared.customers,
    )


def _machine_rhythm(draws: Draws, family: str) -> Rhythm:
    sessions, actions, seconds = _BURSTS[family]
    gap_ms = draws.lognormal(seconds, 0.4) * SECOND_MS
    reply_ms = draws.lognormal(35, 0.6) * SECOND_MS
    shifts = draws.chance(0.5)  # half of the campaigns are tended by people who go home
    width = draws.between(0.1, 0.6)  # how far from a metronome
    return Rhythm(
        sessions_per_day=sessions * draws.lognormal(1.0, 0.4),
        actions=actions * draws.lognormal(1.0, 0.4),
        gap=Spread(gap_ms * (1 - width), gap_ms * (1 + width), even=True),
        reply=Spread(reply_ms * (1 - width), reply_ms * (1 + width), even=True),
        opening=Spread(4 * SECOND_MS, draws.between(20, 300) * SECOND_MS, even=True),
        sleep_start_ms=int(draws.uniform() * DAY_MS),
        sleep_ms=int(draws.between(9, 14) * HOUR_MS) if shifts else 0,
        even=True,
    )


def _bait(draws: Draws, campaign_id: str) -> str:
    first = draws.pick(("hot", "my", "vip", "sweet", "fast", "top", "real", "best"))
    second = draws.pick(("dates", "cams", "pics", "profit", "trade", "coins", "meet", "love"))
    host = f"{first}-{second}{draws.bits(8)}.example"
    path = draws.pick(("", "/join", "/x", f"/r/{campaign_id}", "/u?id=1"))
    shortened = f"https://lnk{draws.bits(3)}.example/{draws.bits(28):07x}"
    return draws.pick((f"https://{host}{path}", f"http://{host}{path}", f"{host}{path}", shortened))
