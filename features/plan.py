"""The plan: a catalogue laid out as places in an account's record, and the line of code that reads each feature."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from features import columns
from features.arrays import DROPPED_GAP, FLAG_BITS, HEADER, NO_TIME, PREDICATES_MAX
from features.life_plan import Histogram, LifePlan, mask, masks, table
from features.messages import TESTS
from features.places import DAYS, PLACE_FACTS
from features.predicates import PREDICATES
from features.sharing import KINDS
from features.vocabulary import CATEGORIES, KEYS, LATEST, LIFE, VALUES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.views import Catalogue

_FIELDS: Final[tuple[str, ...]] = ("GAP", "PAIR_GAP", "LENGTH", "INDEX", "TEXT", "SHAPE", "DOMAIN", "CLASS")
_RING_WORDS: Final = 3
_UNIT: Final = 128
"""Shorts of a record: a whole number of masks of 64 halves."""
_FLAGS_MAX: Final = 64 - FLAG_BITS


@dataclass(slots=True)
class _Window:
    """What is kept for one window."""

    counts: dict[int, int] = field(default_factory=dict)
    sums: dict[tuple[str, int], int] = field(default_factory=dict)
    histograms: dict[tuple[str, int], tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A catalogue compiled: values of the kernels' constants, and the lines of ``evaluate``."""

    windows_ms: tuple[int, ...]
    predicates: tuple[str, ...]
    needs: frozenset[str]
    """Groups of columns `columns.derive` must fill."""
    kinds: frozenset[str]
    """Kinds of shared entity any feature asks for."""
    receives: bool
    """Whether any feature is about what others do to an account."""
    constants: dict[str, Any]
    lines: tuple[str, ...]
    blank: NDArray[np.int64]
    """A record of which nothing is known."""
    latest: dict[str, int]
    """Halves of a record where latest values begin, by name."""


class PlanBuilder:
    """Collects what aggregates ask for, each thing once, and answers with the expression that reads it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._windows = {ms: _Window() for ms in catalogue.held_windows_ms}
        self.predicates: list[str] = []
        self._used: set[str] = set()
        self._keys: dict[tuple[str, int], int] = {}
        self._firsts: dict[int, int] = {}
        self._latest: dict[str, tuple[int, int]] = {}
        self._days: dict[int, int] = {}
        self._rings: dict[str, int] = {}
        self._words, self._halves, self._shorts = HEADER, 0, len(self._windows)
        self._life = LifePlan(self._take_words, self._take_shorts)

    def count(self, where: str, window_ms: int) -> str:
        """Count the events with a predicate in a window, in the last seven days, or ever."""
        if window_ms == LIFE:
            return self._life.count(self._bit(where))
        if window_ms not in self._windows:
            return f"days(s.shorts, q + SHORTS + {self._day_count(where)})"
        return self._short(self._count(self._windows[window_ms], self._bit(where)))

    def distinct(self, key: str, where: str, window_ms: int) -> str:
        """Count the different keys of events with a predicate."""
        if where not in _CONVERSATION:  # the kernel moves a key's flag when these change
            self._lasting(where, "distinct keys")
        self._use(KEYS[key])
        pair = (key, self._bit(where))
        flag = self._keys.setdefault(pair, FLAG_BITS + len(self._keys))
        if flag >= FLAG_BITS + _FLAGS_MAX:
            raise ValueError(
                f"a catalogue can have {_FLAGS_MAX} pairs of key and predicate, {key!r} of {where!r} is one more"
            )
        return self._short(self._count(self._windows[window_ms], flag))

    def total(self, value: str, where: str, window_ms: int) -> tuple[str, str]:
        """Add up a value, and its squares, over the events with a predicate."""
        self._use(VALUES[value])
        if window_ms == LIFE:
            return self._life.total(value, self._bit(where))
        sums, pair = self._windows[window_ms].sums, (VALUES[value], self._bit(where))
        if pair not in sums:
            sums[pair] = self._take_words(2)
        return f"s.words[r + {sums[pair]}]", f"s.words[r + {sums[pair] + 1}]"

    def histogram(self, category: str, where: str, window_ms: int) -> Histogram:
        """Count the events with a predicate by category."""
        self._use("CLASS")
        if window_ms == LIFE:
            self._use("GAP")
            return self._life.histogram(category, self._bit(where))
        known, pair = self._windows[window_ms].histograms, (category, self._bit(where))
        if pair not in known:
            known[pair] = (self._take_shorts(CATEGORIES[category][1]), self._take_shorts(1), self._take_words(1))
        bins, kinds, word = known[pair]
        return Histogram(bins, kinds, f"s.words[r + {word}]", self.count(where, window_ms))

    def first(self, where: str) -> str:
        """Keep the time of the first event with a predicate, ever."""
        self._lasting(where, "first times")
        bit = self._bit(where)
        if bit not in self._firsts:
            self._firsts[bit] = self._take_words(1)
        return f"s.words[r + {self._firsts[bit]}]"

    def latest(self, name: str, part: int = 0) -> str:
        """Keep the latest value said."""
        if name not in self._latest:
            self._latest[name] = (self._take_words(1), self._halves)
            self._halves += LATEST[name][1]
        return f"s.halves[2 * r + HALVES + {self._latest[name][1] + part}]"

    def ring(self, name: str) -> str:
        """Mark the units of time with an event of the account's own; where the marks begin."""
        if name not in self._rings:
            self._rings[name] = self._take_words(_RING_WORDS)
        return f"r + {self._rings[name]}"

    def build(self, lines: tuple[str, ...]) -> Plan:
        """Fix the places."""
        fields = [name for name in _FIELDS if name in self._used]
        halves_at = 2 * self._words
        shorts_at = 2 * (halves_at + self._halves + self._halves % 2)
        record = -(-(shorts_at + self._shorts) // _UNIT) * (_UNIT // 4)
        constants = {name: fields.index(name) if name in fields else -1 for name in _FIELDS}
        constants |= {"RECORD": record, "SHORTS": shorts_at, "HALVES": halves_at, "STARTS": shorts_at}
        constants |= {"FIELDS_64": 4, "FIELDS_32": len(fields) + len(fields) % 2}
        constants |= self._window_tables(shorts_at) | self._fact_tables(shorts_at) | self._place_bits()
        constants |= self._life.constants(shorts_at)
        return Plan(
            windows_ms=tuple(self._windows),
            predicates=tuple(self.predicates),
            needs=frozenset(f.lower() for f in fields if f.lower() in columns.GROUPS)
            | ({"profile"} if any(n not in KINDS and n != "message" for n in self._latest) else set())
            | ({"message"} if "message" in self._latest or any(n in TESTS for n in self.predicates) else set()),
            kinds=frozenset(self._latest) & frozenset(KINDS),
            receives=any(n in PREDICATES and PREDICATES[n].received for n in self.predicates),
            constants=constants,
            lines=lines,
            blank=self._blank(record, halves_at),
            latest={name: halves_at + place for name, (_, place) in self._latest.items()},
        )

    def _window_tables(self, shorts_at: int) -> dict[str, Any]:
        windows = list(self._windows.values())
        counted = [mask(w.counts) for w in windows]
        places = np.zeros((len(windows), 64), np.int64)
        for row, window in zip(places, windows, strict=True):
            for bit, place in window.counts.items():
                row[bit] = shorts_at + place
        sums = [[(*pair, word) for pair, word in w.sums.items()] for w in windows]
        bins = [[(*pair, *places) for pair, places in w.histograms.items()] for w in windows]
        flat_sums, flat_bins = [*chain.from_iterable(sums)], [*chain.from_iterable(bins)]
        fields = [name for name in _FIELDS if name in self._used]
        return {
            "WINDOWS": np.array(list(self._windows), np.int64),
            "WINDOW_COUNT": len(windows),
            "COUNT_MASKS": np.array(counted, np.uint64),
            "COUNT_PLACES": places,
            "SUM_STARTS": np.cumsum([0, *map(len, sums)]),
            "SUM_FIELDS": table([fields.index(f) for f, _, _ in flat_sums]),
            "SUM_MASKS": masks([bit for _, bit, _ in flat_sums]),
            "SUM_PLACES": table([word for _, _, word in flat_sums]),
            "CATEGORY_STARTS": np.cumsum([0, *map(len, bins)]),
            "CATEGORY_SHIFTS": table([CATEGORIES[c][0] for c, *_ in flat_bins]),
            "CATEGORY_MASKS": masks([bit for _, bit, *_ in flat_bins]),
            "CATEGORY_PLACES": table([shorts_at + place for _, _, place, _, _ in flat_bins]),
            "CATEGORY_KINDS": table([shorts_at + kinds for _, _, _, kinds, _ in flat_bins]),
            "CATEGORY_SUMS": table([word for *_, word in flat_bins]),
        }

    def _fact_tables(self, shorts_at: int) -> dict[str, Any]:
        fields = [name for name in _FIELDS if name in self._used]
        received = [b for b in self._days if PREDICATES[self.predicates[b]].received]
        days = np.zeros(64, np.int64)
        for bit, place in self._days.items():
            days[bit] = shorts_at + place
        return {
            "KEY_COUNT": len(self._keys),
            "KEY_FIELDS": table([fields.index(f) if (f := KEYS[key]) else -1 for key, _ in self._keys]),
            "KEY_MASKS": masks([bit for _, bit in self._keys]),
            "KEY_FLAGS": masks(list(self._keys.values())),
            "FIRST_COUNT": len(self._firsts),
            "FIRST_MASKS": masks(list(self._firsts)),
            "FIRST_PLACES": table(list(self._firsts.values())),
            "LATEST_COUNT": len(self._latest),
            "LATEST_COLUMNS": table([LATEST[n][0] for n in self._latest]),
            "LATEST_WIDTHS": table([LATEST[n][1] for n in self._latest]),
            "LATEST_TIMES": table([word for word, _ in self._latest.values()]),
            "LATEST_PLACES": table([place for _, place in self._latest.values()]),
            "DAY_MASKS": np.array([mask(set(self._days) - set(received)), mask(received)], np.uint64),
            "DAY_PLACES": days,
            "HOUR_RING": self._rings.get("hours", -1),
            "SLOT_RING": self._rings.get("slots", -1),
        }

    def _place_bits(self) -> dict[str, Any]:
        conversations = _CONVERSATION & set(self.predicates) or {"PAIR_GAP", "INDEX"} & self._used
        if conversations:
            for name in _SPOKEN:
                self._bit(name)
        named = {name.upper(): self._mask_of(name) for name in PLACE_FACTS}
        named |= {
            name.upper(): self._mask_of(name) for name in ("message", "message_received", "match", "match_received")
        }
        return named | {"PAIRS": bool(conversations), "LEAVES": self._mask_of("link") | self._mask_of("contact")}

    def _mask_of(self, name: str) -> np.uint64:
        return np.uint64(1 << self.predicates.index(name) if name in self.predicates else 0)

    def _blank(self, record: int, halves_at: int) -> NDArray[np.int64]:
        blank = np.zeros(record, np.int64)
        times = [0, 1, 2, 3, 4, *self._firsts.values(), *(word for word, _ in self._latest.values())]
        blank[times] = NO_TIME
        blank[5] = -1
        blank.view(np.int32)[DROPPED_GAP] = -1
        blank.view(np.int32)[halves_at : halves_at + self._halves] = -1
        return blank

    def _bit(self, name: str) -> int:
        if name not in PREDICATES and name not in PLACE_FACTS and name not in TESTS:
            known = sorted({*PREDICATES, *PLACE_FACTS, *TESTS})
            raise KeyError(f"a feature reads the predicate {name!r}, which is not known; known: {known}")
        if name not in self.predicates:
            if len(self.predicates) == PREDICATES_MAX:
                raise ValueError(f"a catalogue can read {PREDICATES_MAX} predicates, {name!r} is one more")
            self.predicates.append(name)
            if name in PLACE_FACTS and name not in _CONVERSATION:
                self._use("GAP")
        return self.predicates.index(name)

    def _lasting(self, where: str, what: str) -> None:
        if where in PLACE_FACTS:
            raise ValueError(f"{what} need a predicate about an event alone, {where!r} may change as others arrive")

    def _day_count(self, where: str) -> int:
        self._lasting(where, "counts by day")
        bit = self._bit(where)
        if bit not in self._days:
            self._days[bit] = self._take_shorts(DAYS)
        return self._days[bit]

    def _count(self, window: _Window, bit: int) -> int:
        if bit not in window.counts:
            window.counts[bit] = self._take_shorts(1)
        return window.counts[bit]

    def _use(self, name: str | None) -> None:
        if name is not None:
            self._used.add(name)

    def _take_words(self, count: int) -> int:
        self._words += count
        return self._words - count

    def _take_shorts(self, count: int) -> int:
        self._shorts += count
        return self._shorts - count

    @staticmethod
    def _short(place: int) -> str:
        return f"np.int64(s.shorts[q + SHORTS + {place}])"


_CONVERSATION: Final = {
    "opened", "opened_by_other", "unanswered", "answer", "answer_received", "first_answer", "after_match",
    "first_contact",
}  # fmt: skip
_SPOKEN: Final = ("message", "message_received", "match", "match_received", "link", "contact")


def compile_plan(catalogue: Catalogue) -> Plan:
    """Compile every feature of a catalogue, in order."""
    builder = PlanBuilder(catalogue)
    lines = tuple(f.aggregate.compile(builder, f.window_ms or 0, f.empty) for f in catalogue.features)
    return builder.build(lines)
