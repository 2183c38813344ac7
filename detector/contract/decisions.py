"""The decision: what Gillnet publishes about an account and the platform obeys."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final

import msgspec

SCHEMA: Final = "gillnet.decision/1"


class Verdict(IntEnum):
    """What should happen to an account, from mild to severe."""

    ALLOW = 0
    REVIEW = 1
    CHALLENGE = 2
    LIMIT = 3
    BLOCK = 4

    @property
    def label(self) -> str:
        """The verdict's name as it is written in JSON."""
        return self.name.lower()


class Reason(msgspec.Struct, frozen=True):
    """One thing that weighed: its code, words a support agent can read out, and the numbers behind them."""

    code: str
    text: str
    feature: str | None
    value: float | None
    contribution: float | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's verdict. Times are RFC 3339 in UTC with milliseconds."""

    schema: str = SCHEMA
    decision_id: str
    account_id: str
    verdict: str
    previous_verdict: str
    score: float
    reasons: tuple[Reason, ...]
    event_id: str | None
    event_ts: str
    decided_at: str
    expires_at: str | None
    campaign_id: str | None
    model_version: str
    policy_version: str
    shadow: bool


def decision_id(account_id: str, cause: str, previous: Verdict, verdict: Verdict) -> str:
    """Derive a decision's id from what caused it, so that a replay gives the same id.

    ``cause`` is the id of the event that changed the verdict, or ``expiry:<epoch ms>`` for an expired one. Model
    and policy versions stay out: a replay under a newer model must meet, not double, what was published.
    """
    parts = "\x1f".join((account_id, cause, previous.label, verdict.label)).encode(errors="surrogatepass")
    return hashlib.blake2b(parts, digest_size=16).hexdigest()


encode = msgspec.json.Encoder().encode
"""Encode any contract value as compact JSON bytes."""

decode = msgspec.json.Decoder(Decision).decode
"""Decode one decision."""
