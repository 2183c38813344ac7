"""What features are made of: views, and the windows they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from features.aggregates import NOTHING, WEEK_MS, Aggregate, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = WEEK_MS
WINDOW_NAMES: Final = {MINUTE: "1m", 10 * MINUTE: "10m", HOUR: "1h", DAY: "24h", WEEK: "7d"}

SHORT: Final = (MINUTE, 10 * MINUTE, HOUR)
ALL: Final = (*SHORT, DAY)
LONG: Final = (HOUR, DAY)

MEAN, STD, VARIATION = Statistic.MEAN, Statistic.STD, Statistic.VARIATION


@dataclass(frozen=True, slots=True)
class Feature:
    """A named number about an entity: an aggregate over a trailing window (``window_ms``; None: its whole life)."""

    name: str
    entity: str
    aggregate: Aggregate
    window_ms: int | None
    meaning: str
    empty: float

    @property
    def window(self) -> str:
        """The window as people write it."""
        return "life" if self.window_ms is None else WINDOW_NAMES.get(self.window_ms, f"{self.window_ms} ms")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The features computed together, in the order of their columns."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of a feature vector."""
        return tuple(f.name for f in self.features)

    @property
    def held_windows_ms(self) -> tuple[int, ...]:
        """The windows events are held for, rising; a week is counted by day instead."""
        own = {f.window_ms for f in self.features} | {
            getattr(f.aggregate, "whole_window_ms", None) for f in self.features
        }
        return tuple(sorted(ms for ms in own if ms is not None and ms < WEEK)) or (DAY,)


def view(
    entity: str, entries: Mapping[str, tuple[Aggregate, tuple[int, ...], str]], empty: float = NOTHING
) -> tuple[Feature, ...]:
    """Expand entries ``name: (aggregate, windows, meaning)``; ``empty`` is a ratio or mean over nothing."""
    return tuple(
        Feature(f"{name}_{WINDOW_NAMES[w]}", entity, aggregate, w, meaning, empty)
        for name, (aggregate, windows, meaning) in entries.items()
        for w in windows
    )


def lasting(entity: str, entries: Mapping[str, tuple[Aggregate, str]]) -> tuple[Feature, ...]:
    """Expand entries ``name: (aggregate, meaning)`` of facts without a window."""
    return tuple(
        Feature(name, entity, aggregate, None, meaning, NOTHING) for name, (aggregate, meaning) in entries.items()
    )
