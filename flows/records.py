"""What is written to Kafka: decisions, scores and dead letters as records that can be known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import polars as pl
from confluent_kafka import Message

from detector.contract import campaigns
from detector.contract.campaigns import Campaign
from detector.contract.decisions import Decision, encode
from detector.contract.times import rfc3339, rfc3339_column
from flows.batches import SourceBatch

SCORE_SCHEMA = "gillnet.score/1"
_DIGEST_BYTES: Final = 8


class About(NamedTuple):
    """Whom a record is about, when it became so (RFC 3339 in UTC, so that texts sort as times do), and by what event.

    Names are hashed: they are part of the state, and erasing a person must not have to look for them there.
    """

    subject: str
    at: str
    event: str


def about(subject: str, at: str, event_id: str | None) -> About:
    """Say what a record is about."""
    return About(_digest(subject), at, _digest(event_id or ""))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """A message to write, with the id that tells it from every other in its topic."""

    id: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    decision: Decision | None = None
    arrived_ms: int | None = None
    about: About | None = None


class _DecisionHead(msgspec.Struct):
    decision_id: str
    account_id: str
    event_ts: str
    event_id: str | None = None


class _ScoreId(msgspec.Struct):
    account_id: str
    event_id: str


_read_decision = msgspec.json.Decoder(_DecisionHead).decode
_read_score_id = msgspec.json.Decoder(_ScoreId).decode


def decision_records(decisions: tuple[Decision, ...], arrived_ms: Mapping[str, int]) -> tuple[Record, ...]:
    """Turn decisions into records."""
    return tuple(
        Record(
            d.decision_id, d.account_id.encode(), encode(d),
            decision=d, arrived_ms=arrived_ms.get(d.event_id or ""), about=about(d.account_id, d.event_ts, d.event_id),
        )
        for d in decisions
    )  # fmt: skip


def campaign_record(campaign: Campaign) -> Record:
    """Turn a campaign into a record."""
    return Record(_campaign_state(campaign), campaign.campaign_id.encode(), msgspec.json.encode(campaign))


def campaign_record_id(message: Message) -> str:
    """Read off a campaign's message which state of it that is."""
    return _campaign_state(campaigns.decode(message.value() or b""))


def _campaign_state(campaign: Campaign) -> str:
    said = msgspec.json.encode(campaign.verdicts)
    return f"{campaign.campaign_id} {campaign.updated_at} {campaign.messages} {campaign.status} {said.decode()}"


def decision_record_id(message: Message) -> str:
    """Read a decision's id off its message."""
    return _read_decision(message.value() or b"").decision_id


def about_decision(message: Message) -> About:
    """Read off a decision's message whom it is about, when and why."""
    found = _read_decision(message.value() or b"")
    return about(found.account_id, found.event_ts, found.event_id)


def score_records(scores: pl.DataFrame) -> tuple[Record, ...]:
    """Turn a frame of scores into records."""
    values = scores.select(
        pl.struct(
            pl.lit(SCORE_SCHEMA).alias("schema"),
            "event_id", "account_id",
            rfc3339_column(scores["ts"]).alias("event_ts"), pl.exclude("event_id", "account_id", "ts"),
        ).struct.json_encode()
    ).to_series()  # fmt: skip
    return tuple(
        Record(f"{account}\x1f{event}", account.encode(), value.encode())
        for account, event, value in zip(scores["account_id"], scores["event_id"], values, strict=True)
    )


def score_record_id(message: Message) -> str:
    """Read a score's id off its message."""
    found = _read_score_id(message.value() or b"")
    return f"{found.account_id}\x1f{found.event_id}"


def dead_letter_records(batch: SourceBatch, topic: str) -> Iterator[Record]:
    """Turn what was refused into records: the bytes as they came, and why and where in the headers."""
    for refused in batch.refused:
        yield Record(
            f"{topic}-{batch.partition}-{refused.offset}",
            refused.key,
            refused.letter.value,
            (
                ("cause", refused.letter.cause.encode()),
                ("detail", refused.letter.detail.encode()),
                ("topic", topic.encode()),
                ("partition", str(batch.partition).encode()),
                ("offset", str(refused.offset).encode()),
                ("seen_at", rfc3339(batch.seen_at_ms).encode()),
            ),
        )


def dead_letter_record_id(message: Message) -> str:
    """Read off a dead letter's headers where it came from."""
    headers: dict[str, bytes] = dict(message.headers() or ())  # type: ignore[arg-type]  # ours are all bytes
    return "-".join(headers.get(name, b"").decode() for name in ("topic", "partition", "offset"))
