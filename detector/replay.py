"""Feature vectors from history, by the stream's own engine: for training and investigation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from detector.contract.times import HOUR_MS
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from features.arrays import PROCESSED
from features.catalogue import DEFAULT
from features.intake import Intake
from features.state import TTL_MS, AccountFeatures, both_roles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.intake import Reader
    from features.views import Catalogue

LATENESS_MS: Final = HOUR_MS
"""The default of the setting ``lateness_seconds``."""


class Replay:
    """Runs batches of events, in arrival order, through the feature engine; texts are read by the shipped models."""

    def __init__(
        self,
        catalogue: Catalogue = DEFAULT,
        lateness_ms: int = LATENESS_MS,
        reader: Reader | None = None,
        *,
        ttl_ms: int = TTL_MS,
    ) -> None:
        self._features = AccountFeatures(catalogue, lateness_ms, ttl_ms)
        self._intake = Intake(self._features.plan, lateness_ms, reader or shipped_reader(), MessageGroups())

    def process(self, events: pl.DataFrame) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return outcomes, shape (n,), and vectors, shape (n, F), of a batch in ``EVENT_SCHEMA``."""
        columns = self._intake.process(events).columns
        computed = self._features.process(columns, both_roles(columns))
        return computed.outcomes, computed.vectors


def vectors(events: pl.DataFrame, catalogue: Catalogue = DEFAULT) -> pl.DataFrame:
    """Return ``event_id, account_id, ts`` and one column a feature for every processed event."""
    outcomes, values = Replay(catalogue).process(events)
    kept = outcomes == PROCESSED
    features = pl.DataFrame(values[kept], schema=list(catalogue.names))
    return events.select("event_id", "account_id", "ts").filter(kept).hstack(features)
