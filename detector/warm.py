"""Warm: load every kernel of the hot path before events wait for it; compiles them on a machine's first start."""

from __future__ import annotations

from detector.contract.decode import DecodeLimits, decode
from detector.engine import AccountShard
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import HOUR_MS, Policy
from detector.shard_batch import split
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from models import default

_EVENT = (
    b'{"event_id":"1","type":"message","account_id":"1","target_id":"2","device_id":"3","ts":1735689600000,"text":"hi"}'
)


def warm() -> None:
    """Send one made-up event through decoding, features, the shipped model, policy, reasons and a checkpoint."""
    limits = DecodeLimits(event_bytes_max=len(_EVENT), ts_min_ms=0, future_ms_max=HOUR_MS)
    policy = Policy((0.0, 0.6, 0.7, 0.8), (HOUR_MS,) * 4, events_min=1, shadow=False)
    events = decode([_EVENT], limits, now_ms=2**41).events
    groups = MessageGroups(1)
    arrived = Intake(specialise(DEFAULT).plan, HOUR_MS, shipped_reader(), groups).process(events)
    shard = AccountShard(DEFAULT, default(), policy, HOUR_MS)
    for _ in range(2):  # the first finds nobody to forget
        for _, batch in split(arrived, 1):
            shard.process(batch, 0, None)
    shard.changes()
    groups.changes()
    groups.sweep(0, 1)


if __name__ == "__main__":
    warm()
