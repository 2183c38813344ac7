"""Counts that survive crashes: every part of the flow keeps its own in its state, and puts it here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

COUNTED: Final = ("read", "processed", "duplicate", "late", "dead", "decisions")


@dataclass(slots=True)
class Tally:
    """What each partition, shard and sink of this worker has counted since the deployment began."""

    sources: dict[int, dict[str, int]] = field(default_factory=dict)
    shards: dict[int, dict[str, int]] = field(default_factory=dict)
    decisions: dict[int, int] = field(default_factory=dict)

    def totals(self) -> dict[str, int]:
        """Sum up this worker's counts."""
        total = Counter[str](dict.fromkeys(COUNTED, 0))
        for counts in (*self.sources.values(), *self.shards.values()):
            total.update(counts)
        total["decisions"] += sum(self.decisions.values())
        return dict(total)
