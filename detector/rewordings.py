"""Rewordings in the lake: messages of several suspicious accounts that say the same in other words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from detector.campaign_files import Label, templates_file
from detector.campaign_labels import open_bank
from detector.contract.errors import GillnetError
from detector.paraphrases import Messages, find_paraphrases
from features.hashing import keys
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign
from models.encoder import StaticEncoder
from models.encoder.escalation import EscalationEncoder, escalation_available

if TYPE_CHECKING:
    from detector.settings import Settings
    from detector.sql import Lake
    from models.encoder import Encoder

MESSAGES_MAX: Final = 8_000
"""Of either sort, the newest: time and memory grow with the square."""
_MESSAGES: Final = """
WITH sent AS (
    SELECT e.account_id, e.ts, e.text,
        s.verdict <> 'allow' OR coalesce(
            greatest(s.spam, s.scam, s.contact_harvesting, s.sexual_solicitation, s.harassment) >= 0.5, false
        ) AS suspicious
    FROM events e JOIN scores s USING (event_id)
    WHERE e.text IS NOT NULL AND s.campaign_id IS NULL
        AND e.ts > (SELECT max(ts) FROM events) - to_days(?::INTEGER)
)
SELECT account_id, epoch_ms(ts) AS ts, text, bool_or(suspicious) OVER (PARTITION BY account_id) AS suspicious
FROM sent ORDER BY suspicious, ts DESC, account_id, text
"""


class Rewording(msgspec.Struct, frozen=True):
    """A cluster: what it says, once in each wording, and who says it."""

    rewording_id: str
    texts: tuple[str, ...]
    account_ids: tuple[str, ...]
    first_seen: str
    last_seen: str


class Rewordings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, among how much, and how much of it may be false."""

    suspicious_messages: int
    benign_messages: int
    encoder: str
    cosine_min: float
    false_discovery_rate: float
    rewordings: tuple[Rewording, ...]


def rewordings_in(lake: Lake, settings: Settings, days: int, false_discovery_rate: float) -> Rewordings:
    """Look through the last days of a lake's messages that are in no campaign, one of each group of near duplicates.

    Suspicious are accounts with a verdict, or a text of a harmful category; benign are all others. GillnetError if
    those sent fewer messages than are suspicious.
    """
    sent = lake.frame(_MESSAGES, [days])
    encoder = _encoder(settings)
    suspicious, benign = (_first_of_each(sent.filter(pl.col("suspicious") == which)) for which in (True, False))
    suspicious = suspicious.head(min(MESSAGES_MAX, len(benign)))
    if suspicious.is_empty():
        raise GillnetError(
            f"expected suspicious messages and as many benign ones in the last {days} days of the lake, got "
            f"{len(suspicious)} of {len(benign)} benign ones: run the stream for longer, or look at more --days"
        )
    found = find_paraphrases(_vectors(suspicious, encoder), _vectors(benign, encoder), false_discovery_rate)
    clustered = suspicious.with_columns(cluster=pl.Series(found.clusters)).filter(pl.col("cluster") >= 0)
    return Rewordings(
        suspicious_messages=len(suspicious),
        benign_messages=len(benign),
        encoder=encoder.model_id,
        cosine_min=float(min(found.cosine_min, 1.0)),
        false_discovery_rate=float(found.false_discovery_rate),
        rewordings=tuple(_rewording(part) for part in clustered.partition_by("cluster", maintain_order=True)),
    )


def confirm(rewording: Rewording, settings: Settings) -> int:
    """Put a rewording's texts into the bank of known templates; return how many were not there."""
    bank = open_bank(settings)
    added = bank.add(rewording.texts, rewording.rewording_id, Label.BOT)
    bank.save(templates_file(settings))
    return added


def _encoder(settings: Settings) -> Encoder:
    if escalation_available(settings.escalation_dir) is None:
        return EscalationEncoder.load(settings.escalation_dir)
    return StaticEncoder.load(settings.encoder_dir)


def _first_of_each(sent: pl.DataFrame) -> pl.DataFrame:
    """Keep one message of each group of near duplicates, and none that is too short to found one."""
    texts, ts = TextColumn.of(sent["text"]), sent["ts"].to_numpy()
    matches = NearDuplicates().process(sign(normalise(texts).full), keys(sent["account_id"]), ts, texts)
    return sent.filter(pl.Series((matches.leaders != 0) & (matches.counts == 1))).head(MESSAGES_MAX)


def _vectors(sent: pl.DataFrame, encoder: Encoder) -> Messages:
    folded = normalise(TextColumn.of(sent["text"])).folded
    return Messages(encoder.encode(folded), keys(sent["account_id"]), sent["ts"].to_numpy())


def _rewording(part: pl.DataFrame) -> Rewording:
    by_time = part.sort("ts", "account_id", "text")
    names = np.sort(keys(by_time["text"]))  # the same texts have the same name, whenever they are looked for
    digest = int(np.bitwise_xor.reduce(names))
    seen = by_time.select(pl.from_epoch("ts", "ms").dt.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))["ts"]
    return Rewording(
        rewording_id=f"rewd_{digest:016x}",
        texts=tuple(by_time["text"]),
        account_ids=tuple(by_time["account_id"].unique(maintain_order=True)),
        first_seen=seen[0],
        last_seen=seen[-1],
    )
