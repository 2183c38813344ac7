"""The table of accounts that a deployment's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.contract.times import DAY_MS
from detector.engine import AccountShard
from detector.policy import policy_from
from detector.serving import champion_of
from features.catalogue import DEFAULT

if TYPE_CHECKING:
    from detector.settings import Settings


def empty_shard(settings: Settings) -> AccountShard:
    """Make one that knows no account yet."""
    model = champion_of(settings)
    lateness_ms, ttl_ms = round(settings.lateness_seconds * 1000), round(settings.account_ttl_days * DAY_MS)
    return AccountShard(DEFAULT, model, policy_from(settings, model.thresholds), lateness_ms, ttl_ms=ttl_ms)
