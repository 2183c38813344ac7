"""The campaign: what Gillnet publishes about accounts that act together."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

SCHEMA: Final = "gillnet.campaign/1"
MEMBERS_NAMED: Final = 1_000
"""Members that are named at most; the others are counted."""
_ID: Final = re.compile(r"camp_([0-9a-f]{16})")


class Status(StrEnum):
    """How a campaign is doing."""

    FORMING = "forming"
    """Few accounts yet, slowly more."""
    ACTIVE = "active"
    CLOSED = "closed"
    """Silent for a week, or labelled benign."""
    MERGED = "merged"
    """Part of an older one now."""


class Counted(msgspec.Struct, frozen=True):
    """A value and how many messages, or accounts, have it."""

    value: str
    count: int


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is after the event at ``updated_at``. Times are RFC 3339 in UTC with milliseconds."""

    schema: str = SCHEMA
    campaign_id: str
    status: Status
    label: str | None
    """What an analyst said: ``bot`` or ``benign``."""
    template: str
    """The text it varies, normalised; what varies stands in braces."""
    examples: tuple[str, ...]
    """Up to three texts as they were sent, cut to 256 characters."""
    members: int
    member_ids: tuple[str, ...]
    """The first members, in the order they joined, up to `MEMBERS_NAMED`."""
    messages: int
    first_seen: str
    last_seen: str
    members_per_hour: float
    """Members that joined in the hour up to ``last_seen``."""
    languages: tuple[Counted, ...]
    contacts: tuple[Counted, ...]
    """Normal forms of telephone numbers, e-mail addresses and handles in its messages, most frequent first."""
    links: tuple[Counted, ...]
    verdicts: tuple[Counted, ...]
    """Members by their last verdict, mildest first; those without one are left out."""
    merged_into: str | None
    updated_at: str


decode = msgspec.json.Decoder(Campaign).decode
"""Decode one campaign."""


def campaign_id(number: int) -> str:
    """Name a campaign by the id of its first group of near duplicates."""
    return f"camp_{number:016x}"


def campaign_number(campaign_id: str) -> int:
    """Undo `campaign_id`; ValueError if it is none."""
    match = _ID.fullmatch(campaign_id)
    if match is None:
        msg = f"expected a campaign's id, camp_ and 16 hexadecimal digits, got {campaign_id!r}"
        raise ValueError(msg)
    return int(match[1], 16)
