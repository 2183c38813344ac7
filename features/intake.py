"""The intake: what a batch goes through before its accounts see it.

The numbers the kernels read are derived from its columns, then it is counted who shares an entity with whom. In one
process both happen here (`Intake`); in the stream the counting is a step of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.columns import SHARED, EventColumns, derive
from features.entities import SharedEntities
from features.sharing import Sharings, sharings

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.plan import Plan


@dataclass(frozen=True, slots=True)
class Arrived:
    """A batch of n events in ``EVENT_SCHEMA``, their columns, and the entities they carry."""

    events: pl.DataFrame
    columns: EventColumns
    sharings: Sharings


def arrive(events: pl.DataFrame, plan: Plan) -> Arrived:
    """Derive what a plan needs of a batch."""
    columns = derive(events, plan.predicates, plan.needs)
    return Arrived(events, columns, sharings(events, columns, plan.kinds))


def fill(columns: EventColumns, shared: Sharings, counts: NDArray[np.int32]) -> None:
    """Write the counts of entities, shape (k, 2), into the columns of the events that carry them."""
    places = SHARED + 2 * shared.kind.astype(np.int64)
    columns.halves[shared.row, places] = counts[:, 0]
    columns.halves[shared.row, places + 1] = counts[:, 1]


class Intake:
    """The intake of one process, with all shared entities in it."""

    def __init__(self, plan: Plan, lateness_ms: int) -> None:
        self._plan = plan
        self._entities = SharedEntities(lateness_ms)

    def process(self, events: pl.DataFrame) -> Arrived:
        """Take a batch in, in arrival order."""
        arrived = arrive(events, self._plan)
        shared = arrived.sharings
        if len(shared.row):
            members = arrived.columns.account[shared.row]
            counts = self._entities.process(shared.key, members, arrived.columns.ts[shared.row])
            fill(arrived.columns, shared, counts)
        return arrived
