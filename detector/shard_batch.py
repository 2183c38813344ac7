"""A part of a batch, for one or more shards, and how a batch is split into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.columns import ACCOUNT, TARGET
from features.hashing import shard_of
from features.state import both_roles

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.columns import EventColumns
    from features.intake import Arrived


@dataclass(frozen=True, slots=True)
class ShardBatch:
    """The part of a batch that some accounts sent and received, in arrival order.

    ``events`` are those its accounts sent. ``columns`` also have those they received, each in the role that ``roles``
    says (`features.state.both_roles`).
    """

    events: pl.DataFrame
    columns: EventColumns
    roles: NDArray[np.int64]

    def sent(self) -> NDArray[np.int64]:
        """Return the rows of ``columns`` of the events sent, in order."""
        rows: NDArray[np.int64] = self.roles[self.roles & 1 == 0] >> 1
        return rows


def whole(arrived: Arrived) -> ShardBatch:
    """Make one part of all."""
    return ShardBatch(arrived.events, arrived.columns, both_roles(arrived.columns))


def split(arrived: Arrived, shards: int) -> list[tuple[int, ShardBatch]]:
    """Split a batch by the shard of each event's account and of its target; order within a shard is arrival order."""
    return gather(arrived, np.arange(shards))


def gather(arrived: Arrived, homes: NDArray[np.int64]) -> list[tuple[int, ShardBatch]]:
    """Split a batch so that shards with the same home, one of ``homes`` a shard, stay together."""
    if (homes == homes[0]).all():
        return [(int(homes[0]), whole(arrived))] if len(arrived.columns) else []
    roles = both_roles(arrived.columns)
    received, rows = roles & 1 == 1, roles >> 1
    words = arrived.columns.words
    account = np.where(received, words[rows, TARGET], words[rows, ACCOUNT]).view(np.uint64)
    shard = homes[shard_of(account, len(homes))]
    order = np.argsort(shard, kind="stable")
    rows, received = rows[order], received[order]
    events, columns = arrived.events[rows[~received]], arrived.columns.take(rows)
    sizes = np.bincount(shard)
    sent = np.bincount(shard[roles & 1 == 0], minlength=len(sizes))
    ends, sent_ends = np.cumsum(sizes), np.cumsum(sent)
    return [
        (
            int(s),
            ShardBatch(
                events[sent_ends[s] - sent[s] : sent_ends[s]],
                columns.between(ends[s] - sizes[s], ends[s]),
                2 * np.arange(sizes[s]) + received[ends[s] - sizes[s] : ends[s]],
            ),
        )
        for s in np.flatnonzero(sizes)
    ]
