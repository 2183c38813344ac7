"""What travels between the steps: columnar batches, never single events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.contract.campaigns import Campaign
from detector.contract.dead_letters import DeadLetter
from detector.results import ShardResult
from detector.shard_batch import ShardBatch
from features.intake import Arrived
from features.messages import Grouped, Messages

NO_WATERMARK_MS: Final = -(2**62)
"""The watermark before any is known; far from the edge of int64, so that subtracting a window is safe."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one source (a worker's partitions) has come in event time; None while all of them are idle."""

    source: int
    watermark_ms: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is not an event, with its place in the topic and its key."""

    offset: int
    key: bytes | None
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """What one partition gave at once. ``events`` also has ``arrived_at`` (epoch ms), ``partition``, ``offset``."""

    partition: int
    events: pl.DataFrame
    refused: tuple[Refused, ...]
    mark: Mark
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: sent about once a second, so that sinks get their snapshot and shards a moved watermark."""

    mark: Mark
    moved: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of a batch's k sharings each worker is asked about, by the first of its entity shards."""

    order: NDArray[np.int64]
    """(k,): rows of the sharings, worker after worker, in each as they came."""
    spans: Mapping[int, slice]
    """Where in ``order`` each worker that is asked has its part."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A source batch on its way to the account shards, or a tick that moved (``arrived`` is None).

    ``number`` tells it from all others that its source sent since the process began: nothing outlives that.
    """

    number: int
    mark: Mark
    arrived: Arrived | None
    asked: Asked


@dataclass(frozen=True, slots=True)
class Lookup:
    """Entities that k events of a batch carry, with the accounts that used them, and when: arrays of shape (k,)."""

    number: int
    keys: NDArray[np.uint64]
    members: NDArray[np.uint64]
    ts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EntityInput:
    """What one entity shard is given, as `ShardInput`; a tick has no lookup."""

    shard: int
    mark: Mark | None
    lookup: Lookup | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How many accounts used the entities of a lookup: shape (k, 2), sent back to the source that asked."""

    source: int
    number: int
    shard: int
    counts: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TextInput:
    """What those are given who see all messages; a tick has none."""

    number: int
    mark: Mark
    messages: Messages | None
    event_ids: pl.Series | None = None
    likeness: NDArray[np.int32] | None = None
    """To known templates, in thousandths."""


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """What a batch's texts are part of, sent back to the source that asked."""

    source: int
    number: int
    grouped: Grouped
    likeness: NDArray[np.int32] | None = None
    """To known templates, in thousandths, as far as escalation found it; None without."""


@dataclass(frozen=True, slots=True)
class CampaignsTold:
    """Campaigns that changed."""

    campaigns: tuple[Campaign, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """Messages that escalation found to be rewordings: rows of the table ``escalations``."""

    rows: pl.DataFrame


TextSaid = TextAnswer | CampaignsTold | Recognised
"""What comes out where all messages meet."""


@dataclass(frozen=True, slots=True)
class ShardInput:
    """What one shard is given: the first of a worker's, the part of a source batch for all of them; a tick has none.

    The others are given no mark and only woken, for Bytewax keeps the state of what was awake in an epoch.
    """

    shard: int
    mark: Mark | None
    batch: ShardBatch | None


@dataclass(frozen=True, slots=True)
class ShardOutput:
    """What a worker's first shard made of its input; ``arrived_ms`` holds when the events behind decisions arrived."""

    shard: int
    result: ShardResult
    arrived_ms: Mapping[str, int]
