"""Scenarios: what platform to simulate, as a small TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from detector.contract.errors import UsageError
from detector.simulator.evasions import check_evasions

HUMAN_FAMILIES = ("normal", "heavy_user", "night_shift", "copy_paster")
BOT_FAMILIES = ("link_spammer", "romance_script", "crypto_pitch", "swipe_farm", "like_farm")

_SHARES = ("bots", "careful", "newcomers", "new_bots", "late", "offline", "duplicates", "malformed", "care")
_LEAST = {
    "accounts": 10, "events": 1, "campaign_accounts": 1, "hours": 0, "late_seconds": 0, "offline_minutes": 0,
}  # fmt: skip


def _equal(names: tuple[str, ...]) -> Mapping[str, float]:
    return dict.fromkeys(names, 1.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A platform to simulate; ``scenarios/demo.toml`` says what each key means."""

    name: str
    start: datetime = datetime(2025, 3, 3, tzinfo=UTC)
    accounts: int = 2_000
    events: int = 100_000
    hours: float = 0.0
    scale_accounts: bool = True
    bots: float = 0.08
    careful: float = 0.2
    newcomers: float = 0.25
    new_bots: float = 0.5
    campaign_accounts: int = 15
    humans: Mapping[str, float] = field(default_factory=lambda: _equal(HUMAN_FAMILIES))
    bot_families: Mapping[str, float] = field(default_factory=lambda: _equal(BOT_FAMILIES))
    late: float = 0.0
    late_seconds: float = 5.0
    offline: float = 0.0
    offline_minutes: float = 10.0
    duplicates: float = 0.0
    malformed: float = 0.0
    evasions: tuple[str, ...] = ()
    care: float = 1.0

    def __post_init__(self) -> None:
        for name in _SHARES:
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise UsageError(f"scenario {self.name!r}: {name} is a share from 0 to 1, got {share}")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:  # as NaN is not either
                got = getattr(self, name)
                raise UsageError(f"scenario {self.name!r}: {name} must be at least {least}, got {got}")
        if self.start.tzinfo is None:
            raise UsageError(f"scenario {self.name!r}: start needs an offset, as in 2025-03-03T00:00:00Z")
        check_evasions(self.evasions)
        _check_families(self.name, "humans", self.humans, HUMAN_FAMILIES)
        _check_families(self.name, "bot_families", self.bot_families, BOT_FAMILIES)

    @property
    def start_ms(self) -> int:
        """The start in epoch milliseconds."""
        return int(self.start.timestamp() * 1000)

    def accounts_for(self, events: int) -> int:
        """Tell how many accounts are alive when this many events are wanted."""
        if not self.scale_accounts:
            return self.accounts
        return max(50, round(self.accounts * events / self.events))


def _check_families(scenario: str, key: str, shares: Mapping[str, float], known: tuple[str, ...]) -> None:
    unknown = sorted(set(shares) - set(known))
    if unknown:
        raise UsageError(f"scenario {scenario!r}: unknown {key} {unknown}; known: {', '.join(known)}")
    weights = [share for share in shares.values() if isinstance(share, int | float) and 0 <= share < float("inf")]
    if len(weights) < len(shares) or sum(weights) == 0:
        raise UsageError(f"scenario {scenario!r}: {key} needs weights of 0 or more, one above 0")


def known_scenarios() -> tuple[str, ...]:
    """Name the scenarios that come with Gillnet."""
    folder = resources.files("detector.simulator") / "scenarios"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def load_scenario(path_or_name: str | Path) -> Scenario:
    """Read a scenario that comes with Gillnet, by its name, or a TOML file, by its path."""
    name = str(path_or_name)
    if name in known_scenarios():
        text = (resources.files("detector.simulator") / "scenarios" / f"{name}.toml").read_text("utf-8")
        return _parse(name, text)
    path = Path(path_or_name)
    if not path.is_file():
        known = ", ".join(known_scenarios())
        raise UsageError(f"no scenario {name!r}: neither a TOML file nor one of the built-in ones: {known}")
    return _parse(path.stem, path.read_text("utf-8"))


def _parse(name: str, text: str) -> Scenario:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"scenario {name!r} is not valid TOML: {error}") from error
    known = {f.name: f for f in fields(Scenario) if f.name != "name"}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UsageError(f"scenario {name!r}: unknown keys {unknown}; known keys: {', '.join(sorted(known))}")
    return Scenario(name=name, **{key: _typed(name, key, value, known[key].type) for key, value in table.items()})


def _typed(scenario: str, key: str, value: Any, annotation: Any) -> Any:  # noqa: ANN401 - a decoder of TOML values
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "datetime": (datetime,),
        "Mapping[str, float]": (dict,),
        "tuple[str, ...]": (list,),
    }
    wanted = kinds[annotation]
    if not isinstance(value, wanted) or (isinstance(value, bool) and annotation != "bool"):
        got = type(value).__name__
        raise UsageError(f"scenario {scenario!r}: {key} must be of type {annotation}, got {value!r} ({got})")
    return tuple(value) if isinstance(value, list) else value
