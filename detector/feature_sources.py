"""Where a feature's number comes from, in words: which events and fields it reads, and how.

A new aggregate needs one function here, a new predicate with a test one phrase; the tests say which is missing.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Final

from features.aggregates import (
    Count,
    Distinct,
    Moment,
    New,
    PerKey,
    Ratio,
    Repeats,
    Share,
    Statistic,
    SumPer,
    SumShare,
)
from features.messages import MEASURES
from features.messages import TESTS as TEXTS
from features.places import ACTIONS, GAP_BINS, HOURS, SLOTS
from features.predicates import PREDICATES
from features.rhythms import (
    ActiveDays,
    ActiveHours,
    Coincidence,
    Entropy,
    Follows,
    GapQuantile,
    HoursFromSignup,
    HoursSince,
    Latest,
    LongestRun,
    PaceSurprise,
    QuietestHours,
    RepeatedCategories,
)
from features.views import WINDOW_NAMES

if TYPE_CHECKING:
    from features.views import Feature

TESTS: Final[dict[str, str]] = {
    "swipe_like": "with direction like or superlike",
    "swipe_pass": "with direction pass",
    "targeted": "with target_id",
    "text": "with text",
    "link": "with a link in text or links",
    "contact": "with contact details in text",
    "emoji": "with an emoji in text",
    "non_ascii": "with letters beyond ASCII in text",
    "like_received": "(a swipe with direction like or superlike)",
    "pass_received": "with direction pass",
    **{name: f"with a text whose {MEASURES[measure]} is at least {least}" for name, (measure, least) in TEXTS.items()},
}
"""What the tests of predicates ask of an event's fields."""

PLACES: Final[dict[str, str]] = {
    "has_gap": "own events but the first",
    "gap_below_1s": "own events less than 1 s after the one before",
    "gap_below_2s": "own events less than 2 s after the one before",
    "gap_below_5s": "own events less than 5 s after the one before",
    "session_start": "own events that begin a session",
    "within_session": "own events within a session, without its first",
    "day_start": "own events that are the first of a day (UTC)",
    "has_two_gaps": "own events but the first two",
    "gap_like_before": "own events whose gap differs from the gap before by a tenth of it at most",
    "opened": "message events that open a conversation",
    "opened_by_other": "message events received that open a conversation",
    "unanswered": "message events to a target_id that said nothing in the conversation so far",
    "answer": "message events right after one of the target_id's",
    "answer_received": "message events received right after one of its own",
    "first_answer": "message events received that are the first after its own",
    "after_match": "message events that open a conversation right after its match event",
    "first_contact": "message events that are the first of its own in a conversation with a link or contact details",
}
"""The events that facts about an event's place (`features.places.PLACE_FACTS`) hold for."""

SHARED: Final[dict[str, str]] = {
    "device": "device_id",
    "ip": "ip",
    "ip_block": "/24 (IPv6: /48) of ip",
    "photo": "photo_hash",
    "contact": "first contact details in text, links, bio or name",
    "domain": "first link in links or text",
    "text": "text without disguise and what varies in a template, of 16 letters or more",
    "signup_block": "/24 (IPv6: /48) of ip of signup events",
    "signup_email": "email_domain of signup events",
}
"""What makes two events carry the same entity, by its kind."""

_VALUES: Final = {
    "gap_ms": "time from the own event before (ts)",
    "gap_doublings": "log2 of the seconds from the own event before (ts)",
    "pair_gap_ms": "time from the conversation's event before (ts)",
    "text_length": "characters of text",
    "pair_index": "number of messages before in the conversation",
}
_KEYS: Final = {
    "text": "text",
    "shape": "text without disguise and what varies in a template; of near duplicates the first one",
    "domain": "first link",
}
_CATEGORIES: Final = {
    "gap": f"time from the own event before (ts), in {GAP_BINS} bins, of own events but the first",
    "bigram": "sort of action (type) of own events, with that of the one before",
    "hour": "hour of ts (UTC) of own events",
    "minute": "minute of the hour of ts, by twos, of own events",
    "second": "second of the minute of ts, by twos, of own events",
    "paces": "pace (time from the own event before, in 8 steps) with the pace before, of own events but the first two",
}
_SAID: Final = {"photo_count": "photo_count", "bio_length": "characters of bio", "name_digits": "digits in name"}
_STATISTICS: Final = {
    Statistic.MEAN: "mean",
    Statistic.STD: "standard deviation",
    Statistic.VARIATION: "coefficient of variation",
}
_REPEATS: Final = "share of repeats (1 - different ones / all)"


def source_of(feature: Feature) -> str:
    """Say which events and fields a feature reads, and how."""
    return words(feature.aggregate)


@singledispatch
def words(aggregate: object) -> str:
    """Say which events and fields an aggregate reads, and how."""
    raise TypeError(f"no words for {type(aggregate).__name__}: add a function to detector/feature_sources.py")


@words.register
def _(a: Count) -> str:
    return f"{events(a.where)}: count" + ("" if a.scale == 1.0 else f", times {a.scale:g}")


@words.register
def _(a: Ratio) -> str:
    longer = f" of {WINDOW_NAMES[a.whole_window_ms]}" if a.whole_window_ms else ""
    return f"{events(a.part)}: count, over the count of {events(a.whole)}{longer}"


@words.register
def _(a: Share) -> str:
    return f"{events(a.part)}: share among these and {events(a.other)}"


@words.register
def _(a: Distinct) -> str:
    return f"{_keys(a)}: different ones"


@words.register
def _(a: Repeats) -> str:
    return f"{_keys(a)}: {_REPEATS}"


@words.register
def _(a: New) -> str:
    return f"{_keys(a)}: different ones, over the count of the events"


@words.register
def _(a: PerKey) -> str:
    return f"{events(a.where)}: count, over the different {_keys(a.keys)}"


@words.register
def _(a: Moment) -> str:
    return f"{_VALUES[a.value]} of {events(a.where)}: {_STATISTICS[a.statistic]}"


@words.register
def _(a: SumPer) -> str:
    return f"{_VALUES[a.value]} of {events(a.where)}: sum, over the count of {events(a.per)}"


@words.register
def _(a: SumShare) -> str:
    return f"{_VALUES[a.value]} of {events(a.part)}: sum, over the sum of these and {events(a.other)}"


@words.register
def _(a: Entropy) -> str:
    return f"{_CATEGORIES[a.category]}: entropy"


@words.register
def _(a: Coincidence) -> str:
    return f"{_CATEGORIES[a.category]}: index of coincidence"


@words.register
def _(_: PaceSurprise) -> str:
    return f"{_CATEGORIES['paces']}: entropy once the pace before is known"


@words.register
def _(_: QuietestHours) -> str:
    return f"{_CATEGORIES['hour']}: share of the eight in a row that have the fewest"


@words.register
def _(_: ActiveDays) -> str:
    return "days of ts (UTC) of own events: different ones, over the days since the first"


@words.register
def _(a: RepeatedCategories) -> str:
    return f"{_CATEGORIES[a.category]}: {_REPEATS}"


@words.register
def _(a: Follows) -> str:
    types = dict(ACTIONS)
    return f"own events right after {_typed(types[a.before])}: share that are {_typed(types[a.then])}"


@words.register
def _(a: GapQuantile) -> str:
    return f"{_VALUES['gap_ms']} of {events('has_gap')}: quantile {a.share:g}, a sketch"


@words.register
def _(_: ActiveHours) -> str:
    return f"ts of own events: different hours, of the last {HOURS}"


@words.register
def _(_: LongestRun) -> str:
    return f"ts of own events: longest run of ten-minute steps with one, of the last {SLOTS}"


@words.register
def _(a: HoursSince) -> str:
    first = "own event" if a.what == "first_seen" else f"{a.what} event"
    return f"ts of the first {first} and of the newest own event: hours between"


@words.register
def _(a: HoursFromSignup) -> str:
    return f"ts of the signup event and of the first of {events(a.where)}: hours between"


@words.register
def _(a: Latest) -> str:
    if a.name in SHARED:
        return f"{SHARED[a.name]}, latest of own events: different account_id with the same, of all accounts' events"
    if a.name == "message":
        return f"{MEASURES[a.part]} of texts of own events: latest" + ("" if a.scale == 1.0 else f", times {a.scale:g}")
    return f"{_SAID[a.name]} of own events: latest"


def events(where: str) -> str:
    """Name the events a predicate holds for."""
    if where in PLACES:
        return PLACES[where]
    if where in TEXTS:
        return f"own events {TESTS[where]}"
    asked = PREDICATES[where]
    named = _typed(asked.types) if asked.types else "own events"
    return " ".join(filter(None, (named, "received" if asked.received else "", TESTS.get(where, ""))))


def _typed(types: tuple[str, ...]) -> str:
    return f"{' and '.join(filter(None, (', '.join(types[:-1]), types[-1])))} events"


def _keys(a: Distinct | Repeats | New) -> str:
    received = a.where in PREDICATES and PREDICATES[a.where].received
    name = _KEYS.get(a.key, "account_id" if received else "target_id")
    return f"{name} of {events(a.where)}"
