"""Identities: countries, devices, addresses and names, none of which belongs to anyone.

Addresses come from ranges that are not routed, phone numbers from those kept for fiction.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from detector.simulator.accounts import HOUR_MS, Access
from detector.simulator.draws import Draws


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(","))


class Country(NamedTuple):
    """A country of the platform."""

    code: str
    offset_hours: int
    phone_prefix: str
    currency: str


COUNTRIES: Final = (
    *(Country("US", hours, "+1", "USD") for hours in (-8, -6, -5, -5)),
    *(Country("GB", 0, "+44", "GBP") for _ in range(2)),
    *(Country("DE", 1, "+49", "EUR") for _ in range(2)),
    Country("FR", 1, "+33", "EUR"),
    Country("ES", 1, "+34", "EUR"),
    Country("BR", -3, "+55", "BRL"),
    Country("IN", 5, "+91", "INR"),
    Country("JP", 9, "+81", "JPY"),
    Country("AU", 10, "+61", "AUD"),
)
_CLIENTS: Final = (
    ("ios", "Shoal/7.4 (iPhone; iOS 18.3)"),
    ("ios", "Shoal/7.3 (iPhone; iOS 17.6)"),
    ("ios", "Shoal/7.4 (iPad; iOS 18.2)"),
    ("android", "Shoal/7.4 (Android 15; Pixel 8)"),
    ("android", "Shoal/7.4 (Android 14; SM-S918B)"),
    ("android", "Shoal/7.2 (Android 13; Redmi Note 12)"),
    ("web", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/133.0 Safari/537.36"),
    ("web", "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0 Safari/537.36"),
    ("web", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) Version/18.2 Safari/605.1.15"),
)
_MAIL: Final = ("gmail.com", "gmail.com", "gmail.com", "outlook.com", "icloud.com", "yahoo.com", "proton.me", "web.de")
_THROWAWAY: Final = ("mailbin.example", "tenminutes.example", "inboxly.example")
NAMES: Final = _words(
    "Ana,Ben,Carla,Dario,Emma,Felix,Greta,Hugo,Ines,Jonas,Kira,Leo,Mia,Noah,Olga,Paul,Quinn,Rosa,Sam,Tara,Uma,Victor,"
    "Wendy,Xenia,Yusuf,Zoe,Alma,Bruno,Chloe,Dina,Elias,Fatima,Giulia,Hanna,Ivan,Julia,Karim,Lena,Marco,Nina,Oscar,"
    "Petra,Rafael,Sofia,Tom,Vera,Maya,Luca,Aisha,Kenji,Priya,Joao,Liam,Ella,Omar,Freya,Nils,Carmen,Diego,Yara"
)


def home_ip(draws: Draws) -> str:
    """Draw a household's address."""
    return _ip("10", draws)


def carrier_ip(draws: Draws) -> str:
    """Draw one of the few addresses that mobile carriers put thousands of phones behind."""
    return f"100.{64 + draws.bits(2)}.{draws.bits(3)}.{draws.bits(5)}"


def hosting_ip(draws: Draws) -> str:
    """Draw an address of a data centre or a VPN."""
    return f"198.18.{draws.bits(4)}.{draws.bits(8)}"


def _ip(start: str, draws: Draws) -> str:
    return f"{start}.{draws.bits(8)}.{draws.bits(8)}.{1 + draws.bits(7)}"


def device(draws: Draws) -> str:
    """Draw a device id."""
    return f"d{draws.bits(48):012x}"


def photo(draws: Draws) -> str:
    """Draw a photo's perceptual hash."""
    return f"{draws.bits(32):08x}{draws.bits(32):08x}"


def retouched(photo_hash: str, draws: Draws) -> str:
    """Change a photo a little: its hash differs in up to three bits."""
    value = int(photo_hash, 16)
    for _ in range(draws.bits(2)):
        value ^= 1 << draws.bits(6)
    return f"{value:016x}"


def phone(draws: Draws, prefix: str) -> str:
    """Draw a phone number, of those kept for fiction where there are such."""
    if prefix == "+1":
        return f"+1 {200 + int(draws.uniform() * 700)} 555 01{int(draws.uniform() * 100):02d}"
    return f"{prefix} 7700 900{int(draws.uniform() * 1000):03d}"


def handle(draws: Draws, name: str) -> str:
    """Draw the name an account has elsewhere."""
    return f"{name.lower()}{draws.pick(('_', '.', ''))}{draws.pick(('x', 'real', 'off', 'b', 'here'))}{draws.bits(10)}"


def personal_access(draws: Draws) -> Access:
    """Draw where a person comes in from: home, a carrier, at times a VPN."""
    country = draws.pick(COUNTRIES)
    platform, agent = draws.pick(_CLIENTS)
    ips = [home_ip(draws)]
    if platform != "web" or draws.chance(0.3):
        ips += [carrier_ip(draws), carrier_ip(draws)]
    if draws.chance(0.08):
        ips = [hosting_ip(draws), hosting_ip(draws)]
    return Access(
        tuple(ips), device(draws), agent, platform, country.code, country.offset_hours * HOUR_MS,
        draws.pick(_MAIL), country.phone_prefix, country.currency,
    )  # fmt: skip


def farmed_access(draws: Draws, ips: tuple[str, ...], devices: tuple[str, ...], country: Country) -> Access:
    """Draw where a campaign's account comes in from: the campaign's own pools, mostly."""
    own = personal_access(draws)
    platform, agent = draws.pick(_CLIENTS[3:])
    mail = draws.pick(_THROWAWAY) if draws.chance(0.3) else draws.pick(_MAIL)
    return Access(
        (draws.pick(ips), draws.pick(ips)) if draws.chance(0.8) else own.ips,
        draws.pick(devices) if draws.chance(0.7) else own.device_id,
        agent, platform, country.code, country.offset_hours * HOUR_MS,
        mail, country.phone_prefix, country.currency,
    )  # fmt: skip
