"""The files in which analysts say what campaigns are, and how a running stream hears of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from detector.campaigns import Allowed, add_allowed, read_allowed
from models.bank import read_labels, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from detector.settings import Settings

TEMPLATES_FILE: Final = "templates.safetensors"
ALLOWED_FILE: Final = "allowed.jsonl"


class Label(StrEnum):
    """What a campaign may be called."""

    BOT = "bot"
    BENIGN = "benign"


def templates_file(settings: Settings) -> Path:
    """Say where the bank of known templates is."""
    return settings.campaigns_dir / TEMPLATES_FILE


def allowed_file(settings: Settings) -> Path:
    """Say where the allow-list is."""
    return settings.campaigns_dir / ALLOWED_FILE


class Said(NamedTuple):
    """What analysts say of campaigns."""

    allowed: tuple[Allowed, ...]
    labels: dict[str, str]
    """By the ids of campaigns."""


class AnalystFiles:
    """The files of a running stream, read again when they change."""

    def __init__(self, settings: Settings) -> None:
        self._allowed, self._templates = allowed_file(settings), templates_file(settings)
        self._stamps: tuple[object, ...] | None = None

    def changed(self) -> Said | None:
        """Read what is said, unless that was read before; UsageError if a file cannot be read, once."""
        stamps = (stamp(self._allowed), stamp(self._templates))
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        entries = read_allowed(self._allowed)
        benign = {entry.campaign_id: str(Label.BENIGN) for entry in entries if entry.campaign_id and entry.allowed}
        return Said(entries, read_labels(self._templates) | benign)

    def learn(self, entries: Iterable[Allowed]) -> None:
        """Add what was learned to the allow-list."""
        add_allowed(self._allowed, entries)
