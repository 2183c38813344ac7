"""A shard's part of a batch, and how a batch is split into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.columns import ACCOUNT, TARGET
from features.state import both_roles

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.columns import EventColumns
    from features.intake import Arrived


@dataclass(frozen=True, slots=True)
class ShardBatch:
    """One shard's part of a batch, in arrival order.

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


def shard_of(keys: NDArray[np.uint64], shards: int) -> NDArray[np.int64]:
    """Say which of a fixed number of shards each key belongs to: by its high bits, for slot tables use the low ones."""
    return ((keys >> np.uint64(40)) % np.uint64(shards)).astype(np.int64)


def whole(arrived: Arrived) -> ShardBatch:
    """Make one shard of all."""
    return ShardBatch(arrived.events, arrived.columns, both_roles(arrived.columns))


def split(arrived: Arrived, shards: int) -> list[tuple[int, ShardBatch]]:
    """Split a batch by the shard of each event's account and of its target; order within a shard is arrival order.

    The shard of an account is fixed by its key's high bits (the slot tables use the low ones), whatever the number of
    workers or partitions.
    """
    roles = both_roles(arrived.columns)
    received, rows = roles & 1 == 1, roles >> 1
    words = arrived.columns.words
    account = np.where(received, words[rows, TARGET], words[rows, ACCOUNT]).view(np.uint64)
    shard = shard_of(account, shards)
    order = np.argsort(shard, kind="stable")
    rows, received = rows[order], received[order]
    events, columns = arrived.events[rows[~received]], arrived.columns.take(rows)
    sizes = np.bincount(shard, minlength=shards)
    sent = np.bincount(shard[roles & 1 == 0], minlength=shards)
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
