"""Aggregates: the kinds of statistic a feature can be.

An aggregate is one class. ``compile`` says which running totals it needs and gives the expression that reads them
(made of the functions in `kernels.reading`); ``reference`` says the same in plain Python over the list of events in the
window, slow and obvious, and the tests hold the two together.

Every aggregate is over the account's events whose own time lies in [newest - window, newest], ends included, where
newest is the time of its own newest event (semantics C of the benchmark: a late event counts at its own time). Events
of others about the account that came in after its newest count too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from features.places import DAYS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from features.plan import PlanBuilder

NOTHING: Final = math.nan
"""What a ratio or mean over no events is, unless the feature says otherwise; LightGBM handles NaN natively."""
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = DAYS * DAY_MS
"""A window of a week is the newest event's day (UTC) and the six before it."""


class SeenEvent(NamedTuple):
    """An event as the references see it.

    ``holds`` has the names of all predicates that hold, ``numbers`` the values (`vocabulary.VALUES`), ``keys`` the
    keys (`vocabulary.KEYS`; absent where there is none). ``bigram`` is the sort of action before and its own.
    """

    ts: int
    holds: frozenset[str]
    keys: Mapping[str, int]
    numbers: Mapping[str, int]
    bigram: tuple[str, str] | None = None


class SeenAccount(NamedTuple):
    """All that ever happened to an account, as the references see it; times in epoch ms."""

    events: Sequence[SeenEvent]
    """Its own and others' about it, oldest first."""
    newest_ms: int
    latest_ms: int
    """Its own newest event, and the newest event of any sort."""
    held_from_ms: int
    """Events before this are held no more, and count in no window."""
    latest: Mapping[str, Sequence[int]]
    """Latest values said (those of `vocabulary.LATEST`)."""

    def within(self, window_ms: int, where: str = "event") -> list[SeenEvent]:
        """Select the events of a window (0: its whole life), the slow way."""
        if window_ms < WEEK_MS:
            from_ms = max(self.newest_ms - window_ms, self.held_from_ms) if window_ms else self.events[0].ts
            return [e for e in self.events if e.ts >= from_ms]
        now_ms = self.latest_ms if where.endswith("_received") else self.newest_ms
        return [e for e in self.events if now_ms // DAY_MS - e.ts // DAY_MS < DAYS]

    def how_many(self, where: str, window_ms: int) -> int:
        """Count the events of a window that satisfy a predicate."""
        return sum(where in e.holds for e in self.within(window_ms, where))

    def where(self, where: str, window_ms: int) -> list[SeenEvent]:
        """Select the events of a window that satisfy a predicate."""
        return [e for e in self.within(window_ms, where) if where in e.holds]


class Aggregate(Protocol):
    """A kind of statistic over the events of one window."""

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Name the totals it needs and give the expression that reads them; ``empty`` stands for nothing there."""

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Compute the same from all the events; NOTHING where there is nothing."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many events satisfy a predicate; times ``scale``, for rates."""

    where: str = "event"
    scale: float = 1.0

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read one count."""
        del empty
        count = plan.count(self.where, window_ms)
        return count if self.scale == 1.0 else f"{count} * {self.scale}"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Count them."""
        return account.how_many(self.where, window_ms) * self.scale


@dataclass(frozen=True, slots=True)
class Ratio:
    """Events that satisfy ``part`` for each that satisfies ``whole``, which may have a longer window."""

    part: str
    whole: str = "event"
    whole_window_ms: int | None = None

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide one count by another."""
        whole = plan.count(self.whole, self.whole_window_ms or window_ms)
        return f"ratio({plan.count(self.part, window_ms)}, {whole}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Count both and divide."""
        whole = account.how_many(self.whole, self.whole_window_ms or window_ms)
        return account.how_many(self.part, window_ms) / whole if whole else NOTHING


@dataclass(frozen=True, slots=True)
class Share:
    """Events that satisfy ``part`` among those that satisfy ``part`` or ``other``, which never hold together."""

    part: str
    other: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a count by a sum of two."""
        part = plan.count(self.part, window_ms)
        return f"ratio({part}, {part} + {plan.count(self.other, window_ms)}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Count both and divide."""
        part, other = account.how_many(self.part, window_ms), account.how_many(self.other, window_ms)
        return part / (part + other) if part + other else NOTHING


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different keys (`vocabulary.KEYS`) the events that satisfy a predicate have. Exact."""

    key: str
    where: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read one distinct count."""
        del empty
        return plan.distinct(self.key, self.where, window_ms)

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Collect the keys in a set."""
        return float(len({e.keys[self.key] for e in account.where(self.where, window_ms) if self.key in e.keys}))


@dataclass(frozen=True, slots=True)
class Repeats:
    """Share of events whose key another event of the window has too: 1 - distinct keys / events."""

    key: str
    where: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Compare a distinct count with a count."""
        distinct = plan.distinct(self.key, self.where, window_ms)
        return f"repeats({distinct}, {plan.count(self.where, window_ms)}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Compare the set of keys with the number of events."""
        n = account.how_many(self.where, window_ms)
        return 1 - Distinct(self.key, self.where).reference(account, window_ms) / n if n else NOTHING


@dataclass(frozen=True, slots=True)
class New:
    """Share of events whose key no earlier event of the window has: distinct keys / events."""

    key: str
    where: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a distinct count by a count."""
        return f"ratio({plan.distinct(self.key, self.where, window_ms)}, {plan.count(self.where, window_ms)}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Compare the set of keys with the number of events."""
        n = account.how_many(self.where, window_ms)
        return Distinct(self.key, self.where).reference(account, window_ms) / n if n else NOTHING


@dataclass(frozen=True, slots=True)
class PerKey:
    """Events that satisfy ``where`` for each different key (such as each conversation) of others."""

    where: str
    keys: Distinct

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a count by a distinct count."""
        return f"ratio({plan.count(self.where, window_ms)}, {self.keys.compile(plan, window_ms, empty)}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Count both and divide."""
        keys = self.keys.reference(account, window_ms)
        return account.how_many(self.where, window_ms) / keys if keys else NOTHING


class Statistic(StrEnum):
    """What `Moment` says of a value."""

    MEAN = "mean"
    STD = "std"
    VARIATION = "variation"


@dataclass(frozen=True, slots=True)
class Moment:
    """Mean, population standard deviation or coefficient of variation of a value of each event."""

    statistic: Statistic
    value: str
    where: str
    scale: float = 1.0

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read a count, a sum and a sum of squares."""
        n, (total, squares) = plan.count(self.where, window_ms), plan.total(self.value, self.where, window_ms)
        if self.statistic is Statistic.MEAN:
            return f"mean({n}, {total}, {self.scale}, {empty})"
        if self.statistic is Statistic.STD:
            return f"std({n}, {total}, {squares}, {self.scale}, {empty})"
        return f"variation({n}, {total}, {squares}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Average over a list."""
        found = [e.numbers[self.value] for e in account.where(self.where, window_ms)]
        if not found:
            return NOTHING
        mean = sum(found) / len(found)
        if self.statistic is Statistic.MEAN:
            return float(mean * self.scale)
        std = math.sqrt(sum((x - mean) ** 2 for x in found) / len(found))
        if self.statistic is Statistic.STD:
            return std * self.scale
        return float(std / mean) if mean else NOTHING


@dataclass(frozen=True, slots=True)
class SumPer:
    """Sum of a value over the events that satisfy ``where``, for each event that satisfies ``per``."""

    value: str
    where: str
    per: str
    scale: float = 1.0

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a sum by a count."""
        total, _ = plan.total(self.value, self.where, window_ms)
        return f"mean({plan.count(self.per, window_ms)}, {total}, {self.scale}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Add up and divide."""
        n = account.how_many(self.per, window_ms)
        total = sum(e.numbers[self.value] for e in account.where(self.where, window_ms))
        return total / n * self.scale if n else NOTHING


@dataclass(frozen=True, slots=True)
class SumShare:
    """Sum of a value over the events that satisfy ``part``, of that over ``part`` and ``other`` together."""

    value: str
    part: str
    other: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a sum by two."""
        part, other = (plan.total(self.value, where, window_ms)[0] for where in (self.part, self.other))
        return f"ratio({part}, {part} + {other}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Add up and divide."""
        part, other = (
            sum(e.numbers[self.value] for e in account.where(where, window_ms)) for where in (self.part, self.other)
        )
        return part / (part + other) if part + other else NOTHING


def gap(statistic: Statistic) -> Moment:
    """Describe a statistic of the seconds between an event and the one before it (a coefficient has no unit)."""
    return Moment(statistic, "gap_ms", "has_gap", scale=1e-3)


def text_length(statistic: Statistic) -> Moment:
    """Describe a statistic of the length of texts in characters."""
    return Moment(statistic, "text_length", "text")
