"""Warm: load every kernel of the hot path before events wait for it; compiles them on a machine's first start."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from detector.contract.decode import DecodeLimits, decode
from detector.contract.times import HOUR_MS
from detector.engine import AccountShard
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import Policy
from detector.shard_batch import split
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from models import default

if TYPE_CHECKING:
    from features.intake import Arrived

_TEXT: Final = "hi, write to me at t.me/foo_bar1 or mail a@foo.com, see foo.com/x, call 415 555 0123: l e t s  t4lk"
_BARE: Final = (
    b'{"event_id":"1","type":"login","account_id":"1","target_id":"2","device_id":"3","ip":"10.0.0.1",'
    b'"ts":1735689600000}'
)
_MESSAGE: Final = (
    b'{"event_id":"1","type":"message","account_id":"1","target_id":"2","device_id":"3","ts":1735689600000,"text":"'
    + _TEXT.encode()
    + b'"}'
)


def warm() -> None:
    """Send made-up events through reading, features, the shipped model, policy, reasons and a checkpoint."""
    _judge(warm_texts())


def warm_texts() -> Arrived:
    """Read and group a made-up message."""
    groups = MessageGroups(1)
    arrived = _arrived(_MESSAGE, groups)
    groups.changes()
    groups.sweep(0, 1)
    return arrived


def warm_accounts() -> None:
    """Judge the account of a made-up event without a text."""
    _judge(_arrived(_BARE, MessageGroups(1)))


def _judge(arrived: Arrived) -> None:
    policy = Policy((0.0, 0.6, 0.7, 0.8), (HOUR_MS,) * 4, events_min=1, shadow=False)
    shard = AccountShard(DEFAULT, default(), policy, HOUR_MS)
    for _ in range(2):  # the first finds nobody to forget
        for _, batch in split(arrived, 1):
            shard.process(batch, 0, None)
    shard.changes()


def _arrived(event: bytes, groups: MessageGroups) -> Arrived:
    limits = DecodeLimits(event_bytes_max=len(event), ts_min_ms=0, future_ms_max=HOUR_MS)
    events = decode([event], limits, now_ms=2**41).events
    return Intake(specialise(DEFAULT).plan, HOUR_MS, shipped_reader(_TEXT), groups).process(events)


_PARTS: Final = {"texts": warm_texts, "accounts": warm_accounts, "": warm}


if __name__ == "__main__":
    _PARTS["".join(sys.argv[1:])]()
