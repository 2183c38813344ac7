"""Counts that survive crashes: every part of the flow keeps its own in its state, and puts it here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec

COUNTED: Final = ("read", "processed", "duplicate", "late", "dead", "decisions")


class Report(msgspec.Struct):
    """What a worker says as it ends well."""

    counts: dict[str, int] = {}
    lanes: dict[int, int] = {}
    """The last epoch that each lane of the lake staged, or had staged when this worker took it over."""


@dataclass(slots=True)
class Tally:
    """What each partition, shard and sink of this worker has counted since the deployment began."""

    sources: dict[int, dict[str, int]] = field(default_factory=dict)
    shards: dict[int, dict[str, int]] = field(default_factory=dict)
    decisions: dict[int, int] = field(default_factory=dict)
    lanes: dict[int, int] = field(default_factory=dict)

    def report(self) -> Report:
        """Tell all of it."""
        return Report(self.totals(), self.lanes)

    def totals(self) -> dict[str, int]:
        """Sum up this worker's counts."""
        total = Counter[str](dict.fromkeys(COUNTED, 0))
        for counts in (*self.sources.values(), *self.shards.values()):
            total.update(counts)
        total["decisions"] += sum(self.decisions.values())
        return dict(total)
