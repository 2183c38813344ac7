"""Aggregates of rhythm, order and of what an account is: histograms, marks of time, and facts without a window."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from features.aggregates import NOTHING
from features.places import ACTIONS, HOUR_MS, HOURS, PACES, SLOT_MS, SLOTS, gap_bin, pace_of
from features.vocabulary import CATEGORIES, LIFE, LIFE_CATEGORIES

if TYPE_CHECKING:
    from features.aggregates import SeenAccount, SeenEvent
    from features.plan import PlanBuilder

_WHERE: Final = {
    **dict.fromkeys(("gap", "bigram"), "has_gap"),
    **dict.fromkeys(("hour", "minute", "second"), "event"),
    "paces": "has_two_gaps",
}
"""The events that fall in a category at all."""
_UNITS: Final = {"hour": (HOUR_MS, 24), "minute": (120_000, 30), "second": (2_000, 30)}
_SORTS: Final = {name: code for code, (name, _) in enumerate(ACTIONS)}
_PER_HOUR: Final = 1 / HOUR_MS
_DAY_MS: Final = 24 * HOUR_MS
_LONGEST_MS: Final = 159_612_677  # the middle of the last bin


def _category(event: SeenEvent, category: str) -> object:
    if category == "gap":
        return gap_bin(event.numbers["gap_ms"])
    if category == "paces":
        return pace_of(event.numbers["gap_before_ms"]), pace_of(event.numbers["gap_ms"])
    return event.bigram if category == "bigram" else event.ts // _UNITS[category][0] % _UNITS[category][1]


def _counts(account: SeenAccount, category: str, window_ms: int) -> Counter[object]:
    return Counter(_category(e, category) for e in account.where(_WHERE[category], window_ms))


@dataclass(frozen=True, slots=True)
class Entropy:
    """Entropy in bits of a category (`vocabulary.CATEGORIES`): how evenly its values are used.

    Shannon's, from counts (no correction for small samples). Low for scripts: always the same pause, the same order.
    """

    category: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read the sum of c·log2 c."""
        histogram = plan.histogram(self.category, _WHERE[self.category], window_ms)
        return f"entropy({histogram.total}, {histogram.c_log_c}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Sum p·log2 p."""
        counts = _counts(account, self.category, window_ms)
        n = counts.total()
        return -sum(c / n * math.log2(c / n) for c in counts.values()) if n else NOTHING


@dataclass(frozen=True, slots=True)
class RepeatedCategories:
    """Share of events whose category another event of the window has too."""

    category: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Compare how many categories there are with how many events."""
        if window_ms == LIFE:
            raise ValueError(f"how many kinds of {self.category} there are is kept for windows, not for life")
        histogram = plan.histogram(self.category, _WHERE[self.category], window_ms)
        return f"repeats(np.int64(s.shorts[q + SHORTS + {histogram.kinds}]), {histogram.total}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Collect the categories in a set."""
        counts = _counts(account, self.category, window_ms)
        return 1 - len(counts) / counts.total() if counts else NOTHING


@dataclass(frozen=True, slots=True)
class Coincidence:
    """How often two events of an account's life fall in the same bin of a category, against chance: 1 where it rules.

    Friedman's index of coincidence (1922), k·Σ c·(c - 1) / (n·(n - 1)) over k bins: its expectation does not depend on
    n. What a clock starts, at the same second of a minute, is far above 1.
    """

    category: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read the sum of squares."""
        found = plan.histogram(self.category, _WHERE[self.category], window_ms)
        return f"coincidence({found.total}, {found.squares}, {LIFE_CATEGORIES[self.category]}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Compare every event with every other."""
        counts = _counts(account, self.category, window_ms)
        n = counts.total()
        pairs = sum(c * (c - 1) for c in counts.values())
        return LIFE_CATEGORIES[self.category] * pairs / (n * (n - 1)) if n > 1 else NOTHING


@dataclass(frozen=True, slots=True)
class PaceSurprise:
    """Entropy in bits of a gap's pace (`places.pace_of`) once the pace before is known; of a life.

    H(before, own) - H(before): Markov's first order, as in models of inter-arrival times. Low for what keeps a beat.
    """

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read Σ c·log2 c, and add up the bins by the pace before."""
        found = plan.histogram("paces", _WHERE["paces"], window_ms)
        return f"surprise(s.shorts, q + SHORTS + {found.bins}, {PACES}, {found.total}, {found.c_log_c}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Average the surprise of each event."""
        events = account.where("has_two_gaps", window_ms)
        before = Counter(pace_of(e.numbers["gap_before_ms"]) for e in events)
        both = Counter((pace_of(e.numbers["gap_before_ms"]), pace_of(e.numbers["gap_ms"])) for e in events)
        surprise = sum(c * math.log2(before[first] / c) for (first, _), c in both.items())
        return surprise / len(events) if events else NOTHING


@dataclass(frozen=True, slots=True)
class QuietestHours:
    """Share of events in the eight neighbouring hours of the day that have the fewest: people sleep."""

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Move along the bins."""
        found = plan.histogram("hour", "event", window_ms)
        return f"least(s.shorts, q + SHORTS + {found.bins}, 24, 8, {found.total}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Try every begin."""
        counts = _counts(account, "hour", window_ms)
        return min(sum(counts[(h + k) % 24] for k in range(8)) for h in range(24)) / counts.total()


@dataclass(frozen=True, slots=True)
class ActiveDays:
    """Days (UTC) with an event of its own, for each day since its first."""

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Count the events that are their day's first."""
        del empty
        return f"days_ratio({plan.count('day_start', window_ms)}, s.words[r + FIRST_SEEN], s.words[r + NEWEST])"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Collect the days in a set."""
        days = {e.ts // _DAY_MS for e in account.where("event", window_ms)}
        return len(days) / (max(days) - min(days) + 1)


@dataclass(frozen=True, slots=True)
class Follows:
    """Of the actions right after one of sort ``before``, the share that are of sort ``then`` (`places.ACTIONS`)."""

    before: str
    then: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Divide a bin by the bins with the same begin."""
        first = plan.histogram("bigram", _WHERE["bigram"], window_ms).bins + 8 * _SORTS[self.before]
        part = f"np.int64(s.shorts[q + SHORTS + {first + _SORTS[self.then]}])"
        return f"ratio({part}, add_up(s.shorts, q + SHORTS + {first}, 1, 8), {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Count pairs."""
        counts = _counts(account, "bigram", window_ms)
        whole = sum(counts[self.before, then] for then in _SORTS)
        return counts[self.before, self.then] / whole if whole else NOTHING


@dataclass(frozen=True, slots=True)
class GapQuantile:
    """Seconds below which a share of the gaps lies; a sketch.

    At most 19 % off (64 ms for gaps below that; gaps above 44 hours count as 44 hours): a histogram with two bins for
    each doubling, as in DDSketch (Masson et al., 2019, VLDB 12) with gamma = √2.
    """

    share: float

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Walk through the bins."""
        found = plan.histogram("gap", _WHERE["gap"], window_ms)
        bins = CATEGORIES["gap"][1]
        return f"quantile(s.shorts, q + SHORTS + {found.bins}, {bins}, {found.total}, {self.share}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Sort the gaps; the true value, which the sketch comes near."""
        gaps = sorted(min(e.numbers["gap_ms"], _LONGEST_MS) for e in account.where("has_gap", window_ms))
        return gaps[math.ceil(self.share * len(gaps)) - 1] * 1e-3 if gaps else NOTHING


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """Hours with an event of its own, of the last 7 days (the newest event's hour and the 167 before it)."""

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Count marks."""
        del window_ms, empty
        return f"active(s.words, {plan.ring('hours')})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Collect the hours in a set."""
        del window_ms
        now = account.newest_ms // HOUR_MS
        return float(
            len({e.ts // HOUR_MS for e in account.events if "event" in e.holds and now - e.ts // HOUR_MS < HOURS})
        )


@dataclass(frozen=True, slots=True)
class LongestRun:
    """Longest run of ten-minute steps each with an event of its own, in minutes, of the last 24 hours."""

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Walk through the marks."""
        del window_ms, empty
        return f"longest_run(s.words, {plan.ring('slots')}, s.words[r + NEWEST]) * {SLOT_MS / 60_000}"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Walk through the steps."""
        del window_ms
        marked = {e.ts // SLOT_MS for e in account.events if "event" in e.holds}
        now, longest, run = account.newest_ms // SLOT_MS, 0, 0
        for step in range(now - SLOTS + 1, now + 1):
            run = run + 1 if step in marked else 0
            longest = max(longest, run)
        return longest * SLOT_MS / 60_000


@dataclass(frozen=True, slots=True)
class HoursSince:
    """Hours from the account's ``signup`` or ``first_seen`` to its newest event. Has no window."""

    what: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Subtract a remembered time from the newest."""
        del plan, window_ms
        return f"since(s.words[r + {self.what.upper()}], s.words[r + NEWEST], {_PER_HOUR!r}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Subtract the times."""
        del window_ms
        where = "event" if self.what == "first_seen" else "signup"
        times = [e.ts for e in account.events if where in e.holds]
        return (account.newest_ms - min(times)) * _PER_HOUR if times else NOTHING


@dataclass(frozen=True, slots=True)
class HoursFromSignup:
    """Hours from sign-up to the first event that satisfies a predicate. Has no window."""

    where: str

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Subtract two remembered times."""
        del window_ms
        return f"since(s.words[r + SIGNUP], {plan.first(self.where)}, {_PER_HOUR!r}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Subtract the times."""
        del window_ms
        signups, others = ([e.ts for e in account.events if where in e.holds] for where in ("signup", self.where))
        return (min(others) - min(signups)) * _PER_HOUR if signups and others else NOTHING


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest value said (`vocabulary.LATEST`), scaled; ``part`` picks one of several said together. No window."""

    name: str
    part: int = 0
    scale: float = 1.0

    def compile(self, plan: PlanBuilder, window_ms: int, empty: float) -> str:
        """Read it."""
        del window_ms
        return f"latest({plan.latest(self.name, self.part)}, {self.scale}, {empty})"

    def reference(self, account: SeenAccount, window_ms: int) -> float:
        """Look it up."""
        del window_ms
        values = account.latest.get(self.name)
        return NOTHING if values is None or values[self.part] < 0 else values[self.part] * self.scale
