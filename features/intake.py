"""The intake: what a batch goes through before its accounts see it.

The numbers the kernels read are derived from its columns, then it is counted who shares an entity with whom, and said
which of its texts are near duplicates of whose. In one process all happens here (`Intake`); in the stream the latter
two are steps of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from features import messages
from features.columns import SHAPE, SHARED, EventColumns, derive
from features.details import Tails
from features.entities import SharedEntities
from features.sharing import Sharings, sharings

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.messages import Grouped, Groups, Messages
    from features.plan import Plan


class Reader(Protocol):
    """Reads what texts say."""

    def read(self, columns: EventColumns) -> Messages | None:
        """Fill in measures and vectors of a batch just derived; give its texts, or None if it has none."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A batch of n events in ``EVENT_SCHEMA``, their columns, the entities they carry, and their texts if read."""

    events: pl.DataFrame
    columns: EventColumns
    sharings: Sharings
    messages: Messages | None


def arrive(events: pl.DataFrame, plan: Plan, reader: Reader | None = None, tails: Tails | None = None) -> Arrived:
    """Derive what a plan needs of a batch; without a reader nothing is known of texts but their own bytes."""
    columns = derive(events, plan.predicates, plan.needs, tails)
    shared = sharings(events, columns, plan.kinds)
    read = reader.read(columns) if reader is not None and "message" in plan.needs else None
    return Arrived(events, columns, shared, read)


def fill(columns: EventColumns, shared: Sharings, counts: NDArray[np.int32]) -> None:
    """Write the counts of entities, shape (k, 2), into the columns of the events that carry them."""
    places = SHARED + 2 * shared.kind.astype(np.int64)
    columns.halves[shared.row, places] = counts[:, 0]
    columns.halves[shared.row, places + 1] = counts[:, 1]


def fill_texts(columns: EventColumns, rows: NDArray[np.int64], grouped: Grouped) -> None:
    """Write what m texts are part of into the columns of their events."""
    columns.measures[rows, messages.COPIES] = grouped.copies
    columns.measures[rows, messages.SENDERS] = grouped.senders
    columns.measures[rows, messages.SENDERS_1H] = grouped.senders_1h
    columns.measures[rows, messages.CAMPAIGN] = grouped.members
    numbers = grouped.campaigns.view(np.int32).reshape(-1, 2)  # the lower half comes first
    columns.measures[rows, messages.CAMPAIGN_LOW] = numbers[:, 0]
    columns.measures[rows, messages.CAMPAIGN_HIGH] = numbers[:, 1]
    leaders = (grouped.leaders >> np.uint64(32)).astype(np.uint32).view(np.int32)
    held = grouped.leaders != 0
    columns.halves[rows[held], SHAPE] = leaders[held]


class Intake:
    """The intake of one process, with all shared entities and, if there is who reads and groups them, all texts."""

    def __init__(
        self, plan: Plan, lateness_ms: int, reader: Reader | None = None, groups: Groups | None = None
    ) -> None:
        self._plan, self._reader, self._groups = plan, reader, groups
        self._entities, self._tails = SharedEntities(lateness_ms), Tails()

    def process(self, events: pl.DataFrame) -> Arrived:
        """Take a batch in, in arrival order."""
        arrived = arrive(events, self._plan, self._reader, self._tails)
        shared, read = arrived.sharings, arrived.messages
        if len(shared.row):
            members = arrived.columns.account[shared.row]
            counts = self._entities.process(shared.key, members, arrived.columns.ts[shared.row])
            fill(arrived.columns, shared, counts)
        if read is not None and self._groups is not None:
            fill_texts(arrived.columns, read.rows, self._groups.process(read))
        return arrived
