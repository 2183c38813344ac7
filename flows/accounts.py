"""The table of accounts that a deployment's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.contract.times import DAY_MS
from detector.engine import AccountShard
from detector.policy import policy_from
from features.catalogue import DEFAULT
from models import default, folder

if TYPE_CHECKING:
    from detector.settings import Settings


def empty_shard(settings: Settings) -> AccountShard:
    """Make one that knows no account yet."""
    model = default() if settings.model_dir is None else folder.load(settings.model_dir)
    lateness_ms, ttl_ms = round(settings.lateness_seconds * 1000), round(settings.account_ttl_days * DAY_MS)
    return AccountShard(DEFAULT, model, policy_from(settings, model.thresholds), lateness_ms, ttl_ms=ttl_ms)
